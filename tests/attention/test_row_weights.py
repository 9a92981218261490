"""Weights parts that read the scores of one query at a time, against their formulas in plain loops."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lengthwise import Attention
from lengthwise.attention import rows
from lengthwise.attention.call import Call
from lengthwise.attention.layout import Layout
from lengthwise.attention.parts import Sizes, Weights
from lengthwise.attention.weights import WEIGHTS

HEADS, HEAD_DIM, DIM = 2, 4, 8
SIZES = Sizes(DIM, HEADS, 1, HEAD_DIM)
Row = Callable[[list[float], Weights, int, Tensor], list[float]]
"""The weights of a query's visible keys, from the first to its own, of: their scores, the part, the head, the token."""


def entmax(z: Sequence[float]) -> list[float]:
    """1.5-entmax by bisection of its threshold."""
    low, high = max(z) / 2 - 1, max(z) / 2
    for _ in range(100):
        middle = (low + high) / 2
        if sum(max(x / 2 - middle, 0) ** 2 for x in z) > 1:
            low = middle
        else:
            high = middle
    return [max(x / 2 - low, 0) ** 2 for x in z]


def softmax(z: Sequence[float], more: float = 0.0) -> list[float]:
    total = more + sum(math.exp(x) for x in z)
    return [math.exp(x) / total for x in z]


def as_entmax(z: list[float], part: Weights, head: int, token: Tensor) -> list[float]:
    beta = math.log(1 + math.exp(part.beta.weight[head] @ token))
    gamma = 2 * math.tanh(part.gamma.weight[head] @ token)
    return entmax([x * (1 + beta * math.log(len(z) + 1) ** gamma) for x in z])


def lssar(z: list[float], part: Weights, head: int, token: Tensor) -> list[float]:
    cosines = [x * HEAD_DIM**0.5 for x in z]
    a = [math.log(1 + math.exp(math.log(HEAD_DIM) * math.log(len(z)) * x)) for x in cosines]
    r = [max(len(z) * x / sum(a) - (1 if len(z) > 3 else 0), 0) ** 15 for x in a]
    return [x / sum(r) for x in r]


def softpick(z: list[float], part: Weights, head: int, token: Tensor) -> list[float]:
    return [max(math.exp(x) - 1, 0) / sum(abs(math.exp(y) - 1) for y in z) for x in z]


def sigmoid(z: list[float], part: Weights, head: int, token: Tensor) -> list[float]:
    return [1 / (1 + math.exp(-(x - math.log(len(z))))) for x in z]


def nap(z: list[float], part: Weights, head: int, token: Tensor) -> list[float]:
    z = [x * HEAD_DIM**0.5 for x in z]
    mean = sum(z) / len(z)
    deviation = math.sqrt(sum((x - mean) ** 2 for x in z) / len(z))
    return [float(part.gain[head]) * (x - mean) / (deviation + 1e-3) + float(part.bias[head]) for x in z]


def top_k(z: list[float], part: Weights, head: int, token: Tensor) -> list[float]:
    best = sorted(z)[-5:]
    return [softmax(best)[best.index(x)] if x in best else 0 for x in z]


def stick_breaking(z: list[float], part: Weights, head: int, token: Tensor) -> list[float]:
    left, weights = 1.0, [0.0] * len(z)
    for j in reversed(range(len(z) - 1)):
        share = 1 / (1 + math.exp(-z[j]))
        weights[j] = left * share
        left *= 1 - share
    return weights


def threshold_only(z: list[float], part: Weights, head: int, token: Tensor) -> list[float]:
    total = sum(math.exp(x) for x in z if x > 0)
    return [math.exp(x) / total if x > 0 else 0 for x in z]


def distance_only(z: list[float], part: Weights, head: int, token: Tensor) -> list[float]:
    gate = 1 / (1 + math.exp(-(part.forget.weight[head] @ token + part.forget.bias[head])))
    return softmax([x + math.log(gate) * (len(z) - j) for j, x in enumerate(z)])


FORMULAS: dict[str, Row] = {
    "as-entmax": as_entmax,
    "lssar": lssar,
    "softpick": softpick,
    "sigmoid": sigmoid,
    "off-by-one": lambda z, part, head, token: softmax(z, 1),
    "learned-sink": lambda z, part, head, token: softmax(z, math.exp(part.sink[head])),
    "nap": nap,
    "top-k": top_k,
    "stick-breaking": stick_breaking,
    "threshold-only": threshold_only,
    "distance-only": distance_only,
}


def build(name: str) -> Weights:
    """A part whose parameters are not what they begin as, in double precision."""
    torch.manual_seed(3)
    part = WEIGHTS.load(name)(SIZES).eval().double()
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.add_(torch.randn_like(parameter) / 3)
    return part


def attend(mechanism: str, **settings: Any) -> Attention:
    torch.manual_seed(3)
    attention = Attention(DIM, HEADS, 1, mechanism, **settings).double()
    with torch.no_grad():
        for parameter in attention.weights.parameters():
            parameter.add_(torch.randn_like(parameter) / 3)
    return attention


def weights_of(part: Weights, scores: Sequence[float], dtype: torch.dtype = torch.float64) -> Tensor:
    """The weights of one query with these scores, all of its keys visible, in the first head."""
    query, hidden = torch.ones(1, HEADS, 1, 1, dtype=dtype), torch.zeros(1, 1, DIM, dtype=dtype)
    key = torch.tensor(scores, dtype=dtype).view(1, 1, -1, 1)
    layout = Layout(1, len(scores), query.device)
    return part.probabilities(Call(hidden, query, key, key, layout))[0, 0, 0]


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name: str, causal: bool) -> None:
    """Row by row, with two documents in a sequence."""
    part = build(name)
    if not causal and not part.traits.bidirectional:
        return
    documents = torch.tensor([[0, 0, 0, 0, 0, 0, 0], [4, 4, 4, 1, 1, 1, 1]])
    tokens = documents.shape[1]
    hidden = torch.randn(2, tokens, DIM).double()
    query, key = torch.randn(2, HEADS, tokens, HEAD_DIM).double() * 2, torch.randn(2, 1, tokens, HEAD_DIM).double()
    query, key = part.prepare(query, key, key)
    layout = Layout(tokens, tokens, query.device, documents, causal=causal)
    weights = part.probabilities(Call(hidden, query, key, key, layout))
    expected = torch.zeros(2, HEADS, tokens, tokens).double()
    with torch.no_grad():
        for batch in range(2):
            for head in range(HEADS):
                for i in range(tokens):
                    seen = [j for j in range(tokens) if documents[batch, j] == documents[batch, i]]
                    seen = [j for j in seen if j <= i or not causal]
                    z = [float(query[batch, head, i] @ key[batch, 0, j]) / HEAD_DIM**0.5 for j in seen]
                    expected[batch, head, i, seen] = torch.tensor(
                        FORMULAS[name](z, part, head, hidden[batch, i]), dtype=torch.double
                    )
    torch.testing.assert_close(weights.double(), expected)


@pytest.mark.parametrize("name", FORMULAS)
def test_gradients_are_right(name: str) -> None:
    attention = attend(name, backend="reference")
    hidden = torch.randn(1, 6, DIM, dtype=torch.double, requires_grad=True)
    ids = torch.tensor([[0, 0, 1, 1, 1, 1]])
    assert torch.autograd.gradcheck(lambda x: attention(x, document_ids=ids), (hidden,))
    attention(hidden, document_ids=ids).square().sum().backward()
    for parameter in attention.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("position", ["", "+rope", "+alibi"])
@pytest.mark.parametrize("name", FORMULAS)
def test_blocks_of_rows_are_the_definition(name: str, position: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With their gradients, with documents and without."""
    if position == "+alibi" and not WEIGHTS.load(name).traits.takes_bias:
        return
    fast, reference = attend(name + position), attend(name + position, backend="reference")
    monkeypatch.setattr(rows, "SCORES_AT_ONCE", 500)  # blocks of 16 rows
    hidden = torch.randn(2, 40, DIM, dtype=torch.float64, requires_grad=True)
    for ids in (None, torch.repeat_interleave(torch.arange(2), 20).expand(2, -1)):
        results = []
        for attention in (fast, reference):
            output = attention(hidden, document_ids=ids)
            leaves = [hidden, *attention.parameters()]
            results.append([output, *torch.autograd.grad(output.square().sum(), leaves)])
        for actual, expected in zip(*results, strict=True):
            torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("name", [name for name in FORMULAS if not WEIGHTS.load(name).traits.sensitive_to_rounding])
def test_bfloat16_errs_by_its_rounding(name: str) -> None:
    hidden = torch.randn(2, 40, DIM, dtype=torch.float64)
    expected = attend(name)(hidden)
    error = attend(name).bfloat16()(hidden.bfloat16()).double() - expected
    assert error.norm() < 0.02 * expected.norm()


@pytest.mark.parametrize("name", FORMULAS)
def test_equal_tokens_are_no_trouble(name: str) -> None:
    """Scores all alike, of zero vectors too, give no NaN, nor do their gradients."""
    attention = attend(name)
    for hidden in (torch.ones(1, 9, DIM, dtype=torch.float64), torch.zeros(1, 9, DIM, dtype=torch.float64)):
        hidden.requires_grad_()
        output = attention(hidden)
        gradients = torch.autograd.grad(output.square().sum(), [hidden, *attention.parameters()])
        assert output.isfinite().all()
        assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("name", ["off-by-one", "learned-sink", "sigmoid", "softpick", "stick-breaking"])
def test_attends_to_nothing_where_nothing_matters(name: str) -> None:
    part = WEIGHTS.load(name)(SIZES)
    assert weights_of(part, [-50.0] * 6).sum() < 1e-15
    few = weights_of(part, [-50.0, 5.0, -50.0, -50.0])
    assert few[1] > 0.5
    assert few.sum() <= 1


def test_softpick_of_large_and_of_small_scores() -> None:
    part = WEIGHTS.load("softpick")(SIZES)
    expected = torch.tensor([0.0, 1.0, 0.0]).double()
    torch.testing.assert_close(weights_of(part, [-900.0, 900.0, 100.0]), expected)
    for dtype in (torch.float64, torch.float32):
        small = weights_of(part, [1e-4, 3e-4], dtype)
        torch.testing.assert_close(small, torch.tensor([1 / 4, 3 / 4], dtype=dtype), rtol=1e-3, atol=0)


def test_lssar_sharpens_without_leaving_the_range() -> None:
    """Scores so near each other that a 15th power of their differences is nothing in single precision."""
    part = WEIGHTS.load("lssar")(SIZES)
    scores = torch.tensor([1e-3, 0.0, 0.0, 2e-3]).view(1, 1, 1, 4)
    query, key, layout = torch.ones(1, 1, 1, 1), scores.mT, Layout(1, 4, scores.device)
    weights = part.of_scores(scores, Call(torch.zeros(1, 1, DIM), query, key, key, layout))
    assert weights[..., -1] > 0.99
    torch.testing.assert_close(weights.sum(), torch.tensor(1.0))


def test_nap_weights_keep_their_size() -> None:
    """They do not fade with the number of keys, and add up to the bias times as many."""
    part = build("nap")
    for keys in (10, 1000):
        weights = weights_of(part, torch.randn(keys).tolist())[None]
        torch.testing.assert_close(weights.sum(), keys * part.bias[0].detach(), rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(weights.std(correction=0), part.gain[0].detach().abs(), rtol=1e-2, atol=0)


def test_top_k_keeps_ties() -> None:
    part = WEIGHTS.load("top-k")(SIZES)
    weights = weights_of(part, [1.0, 2.0, 3.0, 4.0, 5.0, 1.0, 0.0])
    assert (weights > 0).tolist() == [True] * 6 + [False]
    assert weights[0] == weights[5]
    assert (weights_of(part, [0.0, -1.0, -2.0]) > 0).all()


def test_stick_breaking_leaves_out_the_query_itself() -> None:
    attention = attend("stick-breaking").eval()
    hidden = torch.randn(1, 5, DIM, dtype=torch.float64)
    output = attention(hidden)
    assert (output[:, 0] == 0).all()
    assert (attention(hidden, document_ids=torch.tensor([[0, 0, 0, 1, 1]]))[:, 3] == 0).all()
    # With scores far above 0, the one token before takes everything.
    part = WEIGHTS.load("stick-breaking")(SIZES)
    torch.testing.assert_close(weights_of(part, [40.0, 40.0, 40.0]), torch.tensor([0.0, 1.0, 0.0]).double())


@pytest.mark.parametrize("documents", [False, True])
@pytest.mark.parametrize("causal", [True, False])
def test_learned_sink_is_that_of_gpt_oss(causal: bool, documents: bool) -> None:
    """The output and its gradients, those of the sinks included."""
    gpt_oss = pytest.importorskip("transformers.models.gpt_oss.modeling_gpt_oss")
    torch.manual_seed(0)
    part: Any = WEIGHTS.load("learned-sink")(Sizes(16, 4, 2, 4)).double()
    part.sinks = part.sink  # as the other calls them
    part.num_key_value_groups = 2
    with torch.no_grad():
        part.sink.copy_(torch.tensor([-1.0, 0.0, 0.5, 3.0]))
    query, key, value = leaves = [
        torch.randn(2, heads, 11, 4, dtype=torch.float64, requires_grad=True) for heads in (4, 2, 2)
    ]
    ids = torch.tensor([[0] * 11, [0] * 4 + [1] * 7]) if documents else None
    layout = Layout(11, 11, torch.device("cpu"), ids, causal=causal)
    mask = torch.zeros(1, dtype=torch.float64).where(layout.visible(), -torch.inf)
    output = part(Call(torch.zeros(2, 11, 16, dtype=torch.float64), query, key, value, layout))
    expected = gpt_oss.eager_attention_forward(part, *leaves, mask, 0.5)[0].transpose(1, 2)
    torch.testing.assert_close(output, expected)
    for actual, wanted in zip(
        *(torch.autograd.grad(o.square().sum(), [part.sink, *leaves]) for o in (output, expected)), strict=True
    ):
        torch.testing.assert_close(actual, wanted)


def test_a_sink_of_no_weight_is_softmax() -> None:
    hidden = torch.randn(2, 9, DIM, dtype=torch.float64)
    sink, plain = attend("learned-sink"), attend("softmax")
    plain.load_state_dict({name: weight for name, weight in sink.state_dict().items() if name != "weights.sink"})
    with torch.no_grad():
        sink.weights.sink.fill_(-40)
    torch.testing.assert_close(sink(hidden), plain(hidden))


@pytest.mark.parametrize("name", ["off-by-one", "learned-sink"])
def test_a_sink_needs_no_mask(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole causal sequence is one call of torch's routine, as without a sink."""
    calls: list[dict[str, Any]] = []
    routine = F.scaled_dot_product_attention

    def spy(*arguments: Any, **settings: Any) -> Tensor:
        calls.append(settings)
        return routine(*arguments, **settings)

    monkeypatch.setattr(F, "scaled_dot_product_attention", spy)
    attend(name)(torch.randn(2, 9, DIM, dtype=torch.float64))
    assert len(calls) == 1
    assert calls[0]["is_causal"]
    assert calls[0]["attn_mask"] is None


def test_ablations_share_what_they_keep() -> None:
    """Threshold only has no gate; distance only has the parameters of the whole, and is a bias of a learned slope."""
    whole, threshold, distance = (
        set(dict(attend(name).named_parameters())) for name in ("threshold-relative", "threshold-only", "distance-only")
    )
    assert distance == whole
    assert whole - threshold == {"weights.forget.weight", "weights.forget.bias"}


def test_gates_that_forget_nothing_leave_the_threshold() -> None:
    hidden = torch.randn(2, 20, DIM, dtype=torch.float64)
    whole, ablated = attend("threshold-relative"), attend("threshold-only")
    with torch.no_grad():
        whole.weights.forget.weight.zero_()
        whole.weights.forget.bias.fill_(100)  # a gate of 1
    ablated.load_state_dict({name: w for name, w in whole.state_dict().items() if "forget" not in name})
    torch.testing.assert_close(whole(hidden), ablated(hidden))


@pytest.mark.parametrize("backend", ["reference", "blockwise", "auto"])
def test_distance_only_is_softmax_with_a_slope(backend: str) -> None:
    """In every backend, over more tokens than a tile, with its gradients."""
    attention = attend("distance-only", backend=backend)
    hidden = torch.randn(2, 150, DIM, dtype=torch.float64, requires_grad=True)
    ids = torch.repeat_interleave(torch.tensor([2, 7]), torch.tensor([50, 100])).expand(2, -1)
    part, index = attention.weights, torch.arange(150)
    query, key, value = (
        matrix(hidden).unflatten(-1, (-1, HEAD_DIM)).transpose(1, 2)
        for matrix in (attention.query, attention.key, attention.value)
    )
    query, key = part.prepare(query, key, key)
    slope = F.logsigmoid(part.forget(hidden)).movedim(-1, 1)[..., None]
    logits = query @ key.mT / HEAD_DIM**0.5 + slope * (index[:, None] - index)
    visible = (index[:, None] >= index) & (ids[0, :, None] == ids[0])
    p = logits.masked_fill(~visible, -torch.inf).softmax(-1)
    expected = attention.project((p @ value), hidden)
    output = attention(hidden, document_ids=ids)
    torch.testing.assert_close(output, expected)
    leaves = [hidden, *attention.parameters()]
    for actual, wanted in zip(
        *(torch.autograd.grad(o.square().sum(), leaves) for o in (output, expected)), strict=True
    ):
        torch.testing.assert_close(actual, wanted)
