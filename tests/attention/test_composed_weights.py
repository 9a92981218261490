"""Weights parts of several maps, of all queries together, or in linear time, against their formulas by plain loops."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.models.diffllama.modeling_diffllama import (
    DiffLlamaAttention,
    DiffLlamaConfig,
    DiffLlamaRotaryEmbedding,
)

from lengthwise import Attention
from lengthwise.attention import rows
from lengthwise.attention.cache import LayerCache
from lengthwise.attention.call import Call, heads_of
from lengthwise.attention.layout import Layout
from lengthwise.attention.parts import Bias, Sizes, Weights
from lengthwise.attention.traits import PositionTraits
from lengthwise.attention.weights import WEIGHTS
from lengthwise.attention.weights.linear import CHUNK
from lengthwise.errors import InputError

CAUSAL = [
    "differential+rope",
    "differential+alibi",
    "differential-v2+rope",
    "differential-v2+alibi",
    "threshold-differential+rope",
    "selective+alibi",
    "dape+alibi",
    "dape-v2+alibi",
    "compositional+rope",
    "compositional+alibi",
    "inline",
    "inline-local",
    "t2r",
    "fixation",
    "fixation[gate=none]",
    "fixation[neighbours=4]+rope",
    "reguformer+alibi",
    "reguformer[queries=all,keys=top,factor=2]+alibi",
]
ALL = [*CAUSAL, "doubly-normalised+alibi"]


def build(mechanism: str, dim: int = 32, **settings: Any) -> Attention:
    """Attention, in double precision, whose learned parts are not what they begin as."""
    torch.manual_seed(0)
    settings = {"kv_heads": 2, "causal": "doubly" not in mechanism, **settings}
    attention = Attention(dim, heads=4, mechanism=mechanism, **settings).double()
    with torch.no_grad():
        for parameter in attention.weights.parameters():
            parameter.add_(torch.randn_like(parameter) / 5)
    return attention


def tokens(number: int, dim: int = 32, batch: int = 2) -> Tensor:
    return torch.randn(batch, number, dim, generator=torch.Generator().manual_seed(number)).double()


def packed(*lengths: int, batch: int = 2) -> Tensor:
    return torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths)).expand(batch, -1)


class Case:
    """A part with three to five tokens to attend from, and the same numbers for numpy."""

    def __init__(
        self, name: str, queries: int = 4, causal: bool = True, bias: type[Bias] | None = None, **options: Any
    ) -> None:
        torch.manual_seed(1)
        self.sizes = Sizes(dim=12, heads=2, kv_heads=2, head_dim=6, layer=2)
        self.part: Weights = WEIGHTS.load(name)(self.sizes, **options).double().eval()
        with torch.no_grad():
            for parameter in self.part.parameters():
                parameter.add_(torch.randn_like(parameter) / 5)
        self.hidden = torch.randn(1, queries, 12).double()
        query, key, self.value = torch.randn(3, 1, 2, queries, 6).double()
        if self.part.traits.maps > 1:
            query = torch.randn(1, 2 * self.part.traits.maps, queries, 6).double()
        self.q, self.k, self.v = (each[0].numpy() for each in (query, key, self.value))
        query, key = self.part.prepare(query, key, self.value)
        layout = Layout(queries, queries, query.device, causal=causal)
        self.call = Call(self.hidden, query, key, self.value, layout, None if bias is None else bias(self.sizes))

    def numbers(self, name: str) -> np.ndarray:
        return dict(self.part.named_parameters())[name].detach().numpy()

    def probabilities(self) -> np.ndarray:
        return self.part.probabilities(self.call)[0].detach().numpy()

    def attended(self) -> np.ndarray:
        return self.part(self.call)[0].detach().numpy()


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z - z.max()) / np.exp(z - z.max()).sum()


def weights_of(case: Case, row: Callable[[int, int, int], Any], causal: bool = True) -> np.ndarray:
    """All rows, from a function of (head, query, number of visible keys)."""
    queries = case.q.shape[1]
    weights = np.zeros((2, queries, queries))
    for head in range(2):
        for i in range(queries):
            visible = i + 1 if causal else queries
            weights[head, i, :visible] = row(head, i, visible)
    return weights


# What they have in common


@pytest.mark.parametrize("mechanism", ALL)
def test_blocks_are_the_whole(mechanism: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attention, hidden, ids = build(mechanism), tokens(90).requires_grad_(), packed(45, 45)

    def results() -> list[Tensor]:
        output = attention(hidden, document_ids=ids)
        gradients = torch.autograd.grad(output.square().sum(), [hidden, *attention.parameters()], allow_unused=True)
        return [output, *(gradient for gradient in gradients if gradient is not None)]

    whole = results()
    monkeypatch.setattr(rows, "SCORES_AT_ONCE", 4_000)  # blocks of 16 rows
    for blocked, expected in zip(results(), whole, strict=True):
        torch.testing.assert_close(blocked, expected)


@pytest.mark.parametrize("mechanism", ALL)
def test_gradients_are_those_of_finite_differences(mechanism: str) -> None:
    attention, hidden = build(mechanism, dim=16), tokens(5, 16, batch=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: attention(x, document_ids=packed(2, 3, batch=1)), (hidden,))


@pytest.mark.parametrize("mechanism", ALL)
def test_fast_is_the_definition(mechanism: str) -> None:
    fast, reference = (build(mechanism, backend=backend) for backend in ("auto", "reference"))
    for number in (1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 7):
        hidden, results = tokens(number).requires_grad_(), []
        for attention in (fast, reference):
            output = attention(hidden)
            results.append([output, *torch.autograd.grad(output.square().sum(), hidden)])
        for actual, expected in zip(*results, strict=True):
            torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("mechanism", [name for name in CAUSAL if "selective" not in name and "threshold" not in name])
def test_fast_is_the_definition_both_ways(mechanism: str) -> None:
    fast, reference = (build(mechanism, backend=backend, causal=False) for backend in ("auto", "reference"))
    torch.testing.assert_close(fast(tokens(70)), reference(tokens(70)))


@pytest.mark.parametrize("mechanism", CAUSAL)
@pytest.mark.parametrize("chunk", [1, 7])
@pytest.mark.parametrize("documents", [False, True])
def test_cache_is_no_cache(mechanism: str, chunk: int, documents: bool) -> None:
    attention, hidden, cache = build(mechanism), tokens(25), LayerCache()
    ids = packed(10, 1, 14) if documents else None
    with torch.no_grad():
        parts = [
            attention(part, document_ids=None if ids is None else ids[:, start : start + chunk], cache=cache)
            for start, part in zip(range(0, 25, chunk), hidden.split(chunk, 1), strict=True)
        ]
        torch.testing.assert_close(torch.cat(parts, 1), attention(hidden, document_ids=ids))


@pytest.mark.parametrize("mechanism", ALL)
def test_packed_documents_are_separate_documents(mechanism: str) -> None:
    attention, hidden = build(mechanism), tokens(25)
    separate = torch.cat([attention(part) for part in hidden.split([10, 1, 14], 1)], 1)
    torch.testing.assert_close(attention(hidden, document_ids=packed(10, 1, 14)), separate)


@pytest.mark.parametrize("mechanism", ALL)
def test_dropout_acts_in_training_only(mechanism: str) -> None:
    attention, hidden = build(mechanism, dropout=0.5), tokens(9).requires_grad_()
    assert (attention(hidden) - attention(hidden)).abs().max() > 1e-3
    assert torch.autograd.grad(attention(hidden).sum(), hidden)[0].isfinite().all()
    assert torch.equal(attention.eval()(hidden), attention(hidden))


@pytest.mark.parametrize("mechanism", ["differential+rope", "differential-v2+rope", "compositional+rope"])
def test_maps_and_retrievals_of_a_head_share_their_dropout(mechanism: str) -> None:
    attention, hidden = build(mechanism, dropout=0.5), tokens(9)
    outputs = []
    for backend in ("auto", "reference"):
        attention.weights.backend = backend
        torch.manual_seed(1)
        outputs.append(attention(hidden))
    assert torch.equal(*outputs)


@pytest.mark.parametrize("mechanism", ALL)
@pytest.mark.parametrize("seen", [0, 9])
def test_newest_is_the_last_row_and_leaves_the_cache_alone(mechanism: str, seen: int) -> None:
    attention, calls = build(mechanism), []
    if mechanism not in CAUSAL and seen:
        return
    attention.weights.register_forward_pre_hook(lambda part, inputs: calls.append(inputs[0]))
    cache = LayerCache() if mechanism in CAUSAL else None
    with torch.no_grad():
        for part in tokens(23).split([23 - seen, *([seen] if seen else [])], 1):
            before = {} if cache is None else dict(cache.state)
            attention(part, cache=cache)
            if cache is not None:
                cache.state, after = before, cache.state
            newest, probabilities = attention.weights.newest(calls[-1]), attention.weights.probabilities(calls[-1])
            torch.testing.assert_close(newest, probabilities[:, :, -1:])
            if cache is not None:
                assert cache.state is before
                cache.state = after


# Differential


def test_differential_by_hand() -> None:
    case = Case("differential")
    at_first = 0.8 - 0.6 * math.exp(-0.3 * 2)
    of_query, of_key, scale = (case.numbers(name) for name in ("of_query", "of_key", "scale"))
    mixture = np.exp(of_query[0] @ of_key[0]) - np.exp(of_query[1] @ of_key[1]) + at_first

    def row(head: int, i: int, visible: int) -> np.ndarray:
        first, second = (
            softmax(case.k[head, :visible, half] @ case.q[head, i, half] / math.sqrt(3))
            for half in (slice(0, 3), slice(3, 6))
        )
        return first - mixture * second

    weights = weights_of(case, row)
    np.testing.assert_allclose(case.probabilities(), weights)
    attended = weights @ case.v
    normed = attended / np.sqrt((attended**2).mean(-1, keepdims=True) + 1e-5) * scale
    np.testing.assert_allclose(case.attended(), (1 - at_first) * normed)


def test_differential_begins_as_published() -> None:
    torch.manual_seed(0)
    first, deep = (WEIGHTS.load("differential")(Sizes(1024, 4, 4, 256, layer)) for layer in (0, 100))
    assert first.at_first == pytest.approx(0.2)
    assert deep.at_first == pytest.approx(0.8)
    assert first.of_query.shape == (2, 128)
    assert first.of_query.std().item() == pytest.approx(0.1, rel=0.2)
    assert first.mixture().item() == pytest.approx(0.2, abs=0.8)
    assert (first.scale == 1).all()


@pytest.mark.parametrize("name", ["differential", "threshold-differential"])
def test_halves_need_an_even_width(name: str) -> None:
    with pytest.raises(InputError, match="must be even, got 7"):
        Attention(28, 4, mechanism=name)


def test_halves_under_rope_need_an_even_width() -> None:
    with pytest.raises(InputError, match="evenly wide, got 3"):
        Attention(24, 4, mechanism="differential+rope")(torch.randn(1, 3, 24))


class Whole(Bias):
    """A bias that depends on queries and keys, as they are before they are halved."""

    traits = PositionTraits(depends_on_scores=True)

    def of(self, call: Call) -> Tensor:
        assert call.query.shape[-1] == 6
        assert call.query.shape[1] == 2
        return (call.query @ heads_of(call.key, 2).mT).sin()


def test_differential_shows_a_position_part_whole_heads() -> None:
    case = Case("differential", bias=Whole)

    def row(head: int, i: int, visible: int) -> np.ndarray:
        bias = np.sin(case.k[head, :visible] @ case.q[head, i])
        first, second = (
            softmax(case.k[head, :visible, half] @ case.q[head, i, half] / math.sqrt(3) + bias)
            for half in (slice(0, 3), slice(3, 6))
        )
        return first - case.part.mixture().item() * second

    np.testing.assert_allclose(case.probabilities(), weights_of(case, row))
    assert np.isfinite(case.attended()).all()


@pytest.mark.parametrize("layer", [0, 3])
def test_differential_is_that_of_transformers(layer: int) -> None:
    torch.manual_seed(0)
    config = DiffLlamaConfig(
        hidden_size=32,
        num_attention_heads=8,
        num_key_value_heads=4,
        head_dim=4,
        rms_norm_eps=1e-5,
        attn_implementation="eager",
    )
    theirs: Any = DiffLlamaAttention(config, layer)
    ours: Any = Attention(32, heads=4, kv_heads=2, mechanism="differential+rope", layer=layer)
    with torch.no_grad():
        # Their first maps stand before all second maps, and the halves of values likewise.
        for own, other, heads in (
            (ours.query, theirs.q_proj, 4),
            (ours.key, theirs.k_proj, 2),
            (ours.value, theirs.v_proj, 2),
        ):
            own.weight.copy_(other.weight.unflatten(0, (2, heads, 4)).transpose(0, 1).flatten(0, 2))
        ours.project.matrix.weight.copy_(theirs.o_proj.weight)
        ours.weights.of_query.copy_(torch.stack([theirs.lambda_q1, theirs.lambda_q2]))
        ours.weights.of_key.copy_(torch.stack([theirs.lambda_k1, theirs.lambda_k2]))
    hidden = torch.randn(2, 20, 32, requires_grad=True)
    mask = torch.full((20, 20), -torch.inf).triu(1)[None, None]
    turns = DiffLlamaRotaryEmbedding(config)(hidden, torch.arange(20)[None])
    expected, _ = theirs(hidden, turns, mask)
    actual = ours(hidden)
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)
    mine, yours = (
        torch.autograd.grad(output.square().sum(), [hidden, *inputs])
        for output, inputs in (
            (actual, [ours.weights.of_query, ours.weights.of_key, ours.project.matrix.weight]),
            (expected, [theirs.lambda_q1, theirs.lambda_q2, theirs.lambda_k1, theirs.lambda_k2, theirs.o_proj.weight]),
        )
    )
    joined = [yours[0], torch.stack(yours[1:3]), torch.stack(yours[3:5]), yours[5]]
    for one, expected in zip(mine, joined, strict=True):
        torch.testing.assert_close(one, expected, rtol=1e-4, atol=1e-4)


def test_differential_v2_by_hand() -> None:
    case = Case("differential-v2")
    mixing, hidden = case.numbers("mixing.weight"), case.hidden[0].numpy()

    def row(head: int, i: int, visible: int) -> np.ndarray:
        first, second = (
            softmax(case.k[head, :visible] @ case.q[2 * head + which, i] / math.sqrt(6)) for which in (0, 1)
        )
        return first - second / (1 + np.exp(-mixing[head] @ hidden[i]))

    np.testing.assert_allclose(case.probabilities(), weights_of(case, row))
    np.testing.assert_allclose(case.attended(), weights_of(case, row) @ case.v)


def test_differential_v2_doubles_the_queries_alone() -> None:
    attention, plain = Attention(32, 4, 2, "differential-v2+rope"), Attention(32, 4, 2, "softmax+rope")
    assert attention.query.weight.shape == (64, 32)
    assert attention.key.weight.shape == attention.value.weight.shape == plain.key.weight.shape
    assert attention.project.matrix.weight.shape == plain.project.matrix.weight.shape
    assert attention.weights.mixing.weight.shape == (4, 32)


def test_differential_v2_with_equal_queries_is_a_share_of_softmax() -> None:
    attention, plain = build("differential-v2+rope"), Attention(32, 4, 2, "softmax+rope").double()
    with torch.no_grad():
        attention.weights.mixing.weight.zero_()  # sigmoid(0) is one half
        attention.query.weight.unflatten(0, (4, 2, 8))[:, 1] = attention.query.weight.unflatten(0, (4, 2, 8))[:, 0]
        plain.load_state_dict(
            {name: x for name, x in attention.state_dict().items() if "weights" not in name}
            | {"query.weight": attention.query.weight.unflatten(0, (4, 2, 8))[:, 0].flatten(0, 1)}
        )
    torch.testing.assert_close(attention(tokens(9)), plain(tokens(9)) / 2)


# Threshold differential


def test_threshold_differential_by_hand() -> None:
    case = Case("threshold-differential", queries=5)
    mixture = case.numbers("mixture").item()

    def row(head: int, i: int, visible: int) -> np.ndarray:
        maps = []
        for half in (slice(0, 3), slice(3, 6)):
            query, key = case.q[head, i, half], case.k[head, :visible, half]
            cosines = key @ query / np.linalg.norm(key, axis=-1) / np.linalg.norm(query)
            maps.append(np.maximum(cosines - math.sqrt(2 * math.log(i + 1) / 3), 0) ** 2)
        return maps[0] - mixture * maps[1]

    weights = case.probabilities()
    np.testing.assert_allclose(weights, weights_of(case, row))
    assert (weights == 0).any()
    assert (weights != 0).any()


def test_threshold_differential_keeps_few_keys_of_chance() -> None:
    """Less than one a row, however long the row is."""
    torch.manual_seed(0)
    sizes = Sizes(64, 1, 1, 64)
    part = WEIGHTS.load("threshold-differential")(sizes)
    query, key = torch.randn(2, 1, 1, 2000, 64)
    query, key = part.prepare(query[:, :, -50:], key, key)
    layout = Layout(50, 2000, query.device)
    call = Call(torch.zeros(1, 50, 64), query, key, key, layout)
    kept = part.probabilities(call)
    assert (kept != 0).sum(-1).float().mean() < 1


# Selective


def plain_selective(scores: Tensor, first: int) -> Tensor:
    """Weights of one document of scores (heads, queries, keys), by loops; ``first`` is where it begins."""
    heads, queries, _ = scores.shape
    taken, weights = scores.new_zeros(queries), torch.zeros_like(scores)
    for i in range(first, queries):
        for head in range(heads):
            weights[head, i, first : i + 1] = torch.softmax(scores[head, i, first : i + 1] - taken[first : i + 1], 0)
        for j in range(first + 1, i):
            taken[j] += max(scores[0, i, j].item(), 0.0)
    return weights


def test_selective_by_hand() -> None:
    case = Case("selective", queries=5)
    scores = torch.from_numpy(case.q @ case.k.transpose(0, 2, 1) / math.sqrt(6))
    np.testing.assert_allclose(case.probabilities(), plain_selective(scores, 0).numpy())
    assert (case.probabilities()[:, -1] - softmax(scores[0, -1].numpy())).max() > 1e-3


def test_selective_documents_choose_for_themselves() -> None:
    part = WEIGHTS.load("selective")(Sizes(12, 2, 2, 6))
    query, key = torch.randn(2, 1, 2, 9, 6, generator=torch.Generator().manual_seed(0))
    layout = Layout(9, 9, query.device, documents=packed(4, 5, batch=1))
    weights = part.probabilities(Call(torch.zeros(1, 9, 12), query, key, key, layout))[0]
    scores = (query @ key.mT)[0] / math.sqrt(6)
    torch.testing.assert_close(weights[:, :4], plain_selective(scores, 0)[:, :4])
    torch.testing.assert_close(weights[:, 4:], plain_selective(scores, 4)[:, 4:])


# DAPE


def test_dape_by_hand() -> None:
    case = Case("dape")
    first, second = (case.numbers(f"{layer}.weight")[..., 0, 0] for layer in ("inwards", "outwards"))
    shift, last = (case.numbers(f"{layer}.bias") for layer in ("inwards", "outwards"))
    scores = case.q @ case.k.transpose(0, 2, 1) / math.sqrt(6)

    def row(head: int, i: int, visible: int) -> np.ndarray:
        z = []
        for j in range(visible):
            inner = first @ np.concatenate([scores[:, i, j], [0.0, 0.0]]) + shift
            z.append(scores[head, i, j] + (second @ np.where(inner > 0, inner, 0.01 * inner) + last)[head])
        return softmax(np.array(z))

    np.testing.assert_allclose(case.probabilities(), weights_of(case, row))
    assert [tuple(p.shape[:2]) for p in (case.part.inwards.weight, case.part.outwards.weight)] == [(32, 4), (2, 32)]


class Slope(Bias):
    """A bias by distance, twice as steep in the second head, that hides the keys four tokens back."""

    def of(self, call: Call) -> Tensor:
        distance = call.layout.distance[:, None]
        slopes = torch.tensor([0.5, 1.0]).double()[:, None, None]
        return (-slopes * distance).masked_fill(distance == 4, -torch.inf)


def test_dape_v2_is_a_convolution_of_the_lower_triangle() -> None:
    case = Case("dape-v2", queries=7, bias=Slope)
    network = nn.Sequential(
        nn.Conv2d(4, 32, (1, 3), padding=(0, 1)), nn.LeakyReLU(), nn.Conv2d(32, 2, (1, 3), padding=(0, 1))
    )
    network = network.double()
    for ours, theirs in ((case.part.inwards, network[0]), (case.part.outwards, network[2])):
        theirs.load_state_dict(ours.state_dict())
    # Only what follows a row's last key is there for the second convolution in all rows but the last, which has none:
    # one more key, and the rows compare.
    products, bias = case.call.products, case.call.bias.of(case.call).expand(1, -1, -1, -1)
    hidden = bias == -torch.inf
    maps = torch.cat([products, bias], 1).masked_fill(torch.cat([hidden, hidden], 1), 0).tril()
    added = network(F.pad(maps, (0, 1)))[..., :-1]
    future = ~torch.ones(7, 7).tril().bool()
    expected = (products + bias + added).masked_fill(future | hidden, -torch.inf).softmax(-1)
    torch.testing.assert_close(case.part.probabilities(case.call), expected)


@pytest.mark.parametrize("name", ["dape", "dape-v2"])
def test_dape_has_gradients_where_keys_are_hidden(name: str) -> None:
    case = Case(name, queries=7, bias=Slope)
    gradients = torch.autograd.grad(case.part(case.call).square().sum(), list(case.part.parameters()))
    assert all(gradient.isfinite().all() and gradient.abs().max() > 0 for gradient in gradients)


# Compositional


def test_compositional_by_hand() -> None:
    case = Case("compositional")
    weights = weights_of(
        case, lambda head, i, visible: softmax(case.k[head, :visible] @ case.q[head, i] / math.sqrt(6))
    )
    np.testing.assert_allclose(case.probabilities(), weights)
    choosing, offering = (case.numbers(f"{layer}.weight") for layer in ("choosing", "offering"))
    of_choosing, of_offering = (case.numbers(f"{layer}.bias") for layer in ("choosing", "offering"))
    expected = np.zeros((2, 4, 6))
    for search in range(2):
        for i in range(4):
            query = (choosing @ case.hidden[0, i].numpy() + of_choosing).reshape(2, 16)[search]
            found = [weights[search, i] @ case.v[retrieval] for retrieval in range(2)]
            chosen = softmax(np.array([query @ (offering @ each + of_offering) / 4 for each in found]))
            expected[search, i] = chosen[0] * found[0] + chosen[1] * found[1]
    np.testing.assert_allclose(case.attended(), expected)


def test_compositional_with_one_retrieval_is_softmax() -> None:
    compositional = build("compositional+rope", kv_heads=1)
    plain = Attention(32, 4, 1, "softmax+rope").double()
    plain.load_state_dict({name: x for name, x in compositional.state_dict().items() if "weights" not in name})
    torch.testing.assert_close(compositional(tokens(9)), plain(tokens(9)))


# Doubly normalised


def test_doubly_normalised_by_hand() -> None:
    case = Case("doubly-normalised", causal=False)
    exponentials = np.exp(case.q @ case.k.transpose(0, 2, 1) / math.sqrt(6))
    over_queries = exponentials / exponentials.sum(1, keepdims=True)
    share = 1 / (1 + np.exp(-case.numbers("share")))[:, None, None]
    expected = share * over_queries / over_queries.sum(-1, keepdims=True)
    expected += (1 - share) * exponentials / exponentials.sum(-1, keepdims=True)
    np.testing.assert_allclose(case.probabilities(), expected)
    np.testing.assert_allclose(case.attended(), expected @ case.v)


def test_doubly_normalised_explains_no_key_away() -> None:
    """However low its scores are: of n queries' weights, a key gets at least 1 / n."""
    case = Case("doubly-normalised", causal=False)
    with torch.no_grad():
        case.part.share.fill_(50)  # no softmax
    key = case.call.key.clone()
    key[:, :, 1] = -20 * case.call.query.mean(2)
    call = Call(case.hidden, 30 * case.call.query, key, case.value, case.call.layout, case.call.bias)
    weights = case.part.probabilities(call)
    assert weights.isfinite().all()
    assert (weights.sum(-2) > 1 / 4 - 1e-6).all()
    assert call.products.softmax(-1).sum(-2).min() < 1e-3


@pytest.mark.parametrize("spread", [1, 5, 25])
def test_the_double_normalisation_gives_each_key_a_share(spread: int) -> None:
    """At least 1 / n of n queries' weights, whatever the scores; softmax gives most keys less if scores are large."""
    case = Case("doubly-normalised", queries=40, causal=False)
    with torch.no_grad():
        case.part.share.fill_(50)  # no softmax
    call = replace(case.call, query=spread * case.call.query)
    received, by_softmax = (weights.sum(-2) for weights in (case.part.probabilities(call), call.products.softmax(-1)))
    assert (received >= 1 / 40 - 1e-9).all()
    if spread == 25:
        assert (by_softmax < 1 / 40).double().mean() > 1 / 4


# Linear in time


def test_inline_by_hand() -> None:
    case = Case("inline")

    def row(head: int, i: int, visible: int) -> np.ndarray:
        z = case.k[head, :visible] @ case.q[head, i] / math.sqrt(6)
        return (z + 1 - z.mean()) / visible

    np.testing.assert_allclose(case.probabilities(), weights_of(case, row))
    np.testing.assert_allclose(case.attended(), weights_of(case, row) @ case.v)


def test_inline_looking_both_ways_is_the_published_formula() -> None:
    case = Case("inline", causal=False)
    for head in range(2):
        query, key, value = case.q[head] / math.sqrt(6), case.k[head], case.v[head]
        kept = 1 - query @ key.mean(0)
        expected = query @ (key.T @ value) / 4 + kept[:, None] * value.mean(0)
        np.testing.assert_allclose(case.attended()[head], expected)


def test_t2r_by_hand() -> None:
    """Queries are scaled before their features, and the normaliser is at least 0.01, as in the authors' code."""
    case = Case("t2r")
    with torch.no_grad():
        for parameter in case.part.parameters():
            parameter.mul_(0.2)  # so that some sums are less than 0.01
    weight, bias = case.numbers("weight"), case.numbers("bias")
    totals = []

    def phi(head: int, x: np.ndarray) -> np.ndarray:
        return np.maximum(x @ weight[head] + bias[head, 0], 0)

    def row(head: int, i: int, visible: int) -> np.ndarray:
        products = phi(head, case.k[head, :visible]) @ phi(head, case.q[head, i] * 6**-0.5)
        totals.append(products.sum())
        return products / max(products.sum(), 1e-2)

    weights = weights_of(case, row)
    assert any(0 < total < 1e-2 for total in totals)
    assert any(total > 1e-2 for total in totals)
    np.testing.assert_allclose(case.probabilities(), weights)
    np.testing.assert_allclose(case.attended(), weights @ case.v, atol=1e-12)


@pytest.mark.parametrize("mechanism", ["inline", "t2r", "fixation"])
def test_decoding_reads_the_sum_and_not_the_keys_again(mechanism: str) -> None:
    attention, hidden, cache = build(mechanism), tokens(12), LayerCache()
    with torch.no_grad():
        expected = attention(hidden)[:, -1:]
        attention(hidden[:, :-1], cache=cache)
        for buffer in cache._buffers.values():
            buffer.fill_(torch.nan)
        torch.testing.assert_close(attention(hidden[:, -1:], cache=cache), expected)


@pytest.mark.parametrize("mechanism", ["inline", "t2r"])
def test_queries_behind_keys_without_a_cache(mechanism: str) -> None:
    """As a reader of sets asks: one query, and no call before it."""
    case = Case(mechanism, queries=5)
    part, call = case.part, case.call
    last = part(call.rows(4, 5))
    torch.testing.assert_close(last, part(call)[:, :, -1:])


def test_t2r_returns_zeros_where_features_do_not_meet() -> None:
    case = Case("t2r")
    with torch.no_grad():
        case.part.bias.fill_(-100)
    case.call.query.requires_grad_()
    attended = case.part(case.call)
    assert (attended == 0).all()
    assert torch.autograd.grad(attended.sum(), case.call.query)[0].isfinite().all()


@pytest.mark.parametrize("gate", ["shared", "separate", "none"])
def test_fixation_by_hand(gate: str) -> None:
    case = Case("fixation", gate=gate)
    of_query, of_key = np.maximum(case.q, 0) + 1 / math.sqrt(6), np.maximum(case.k, 0) + 1 / math.sqrt(6)
    if gate != "none":
        seen = np.concatenate([of_query, of_key, case.v], -1)
        gates = {"shared": "00", "separate": "01"}[gate]
        of_query, of_key = (
            features
            / (1 + np.exp(-seen @ case.numbers(f"gates.{place}.weight").T - case.numbers(f"gates.{place}.bias")))
            for features, place in zip((of_query, of_key), gates, strict=True)
        )

    def row(head: int, i: int, visible: int) -> np.ndarray:
        products = of_key[head, :visible] @ of_query[head, i]
        return products / (products.sum() + 1e-6)

    np.testing.assert_allclose(case.probabilities(), weights_of(case, row))
    np.testing.assert_allclose(case.attended(), weights_of(case, row) @ case.v)


@pytest.mark.parametrize("causal", [True, False])
def test_fixation_associates_neighbours_by_hand(causal: bool) -> None:
    """Documents of 4 and 3 tokens, and heads of 8 components: a fourth are 2."""
    part = build("fixation[neighbours=4]", causal=causal).weights
    key, value = torch.randn(2, 1, 2, 7, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    layout = Layout(7, 7, key.device, packed(4, 3, batch=1), causal=causal)
    for before, after in zip((key, value), part.associate(key, value, layout, None), strict=True):
        expected = before.clone()
        for token in range(7):
            expected[:, :, token, :2] = 0 if token in (0, 4) else before[:, :, token - 1, :2]
            if not causal:
                expected[:, :, token, 2:4] = 0 if token in (3, 6) else before[:, :, token + 1, 2:4]
        torch.testing.assert_close(after, expected, rtol=0, atol=0)


@pytest.mark.parametrize("neighbours", [1, 9])
def test_fixation_refuses_shares_that_no_head_has(neighbours: int) -> None:
    with pytest.raises(InputError, match="at least 2 and at most the width of a head, 8"):
        build(f"fixation[neighbours={neighbours}]")


def test_fixation_gates_of_one_half_change_nothing() -> None:
    gated, plain = build("fixation[gate=separate]"), build("fixation[gate=none]")
    with torch.no_grad():
        for parameter in gated.weights.parameters():
            parameter.zero_()
    for name in ("query", "key", "value", "project"):
        getattr(plain, name).load_state_dict(getattr(gated, name).state_dict())
    torch.testing.assert_close(
        gated(tokens(9)), plain(tokens(9)), rtol=1e-5, atol=1e-5
    )  # EPS weighs four times as much
