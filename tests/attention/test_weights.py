"""Weights parts against their formulas, computed in another way."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from lengthwise import Attention
from lengthwise.attention.call import Call
from lengthwise.attention.layout import Layout
from lengthwise.attention.mechanism import Mechanism
from lengthwise.attention.parts import Sizes, Weights
from lengthwise.attention.weights import WEIGHTS
from lengthwise.ops.rowwise import entmax

SIZES = Sizes(dim=8, heads=2, kv_heads=1, head_dim=4)
QUERIES = 5


def call_of(query: Tensor, key: Tensor, hidden: Tensor | None = None) -> Call:
    layout = Layout(query.shape[2], key.shape[2], query.device)
    hidden = query.new_zeros(len(query), query.shape[2], SIZES.dim) if hidden is None else hidden
    return Call(hidden, query, key, key, layout)


def of_small_vectors(keys: int) -> Call:
    """A call of one query, for scores that are not those of its vectors."""
    return call_of(torch.zeros(1, 1, 1, 4), torch.zeros(1, 1, keys, 4))


def call(name: str) -> tuple[Weights, Tensor, Tensor, Tensor]:
    """A part, its scaled scores with hidden keys at minus infinity, and its weights, in double precision."""
    torch.manual_seed(0)
    part = WEIGHTS.load(name)(SIZES).eval()
    query, key = torch.randn(2, 2, QUERIES, 4).double() * 3, torch.randn(2, 1, QUERIES, 4).double()
    scores = (query @ key.mT / 2).masked_fill(~torch.ones(QUERIES, QUERIES).tril().bool(), -torch.inf)
    weights = part.probabilities(call_of(query, key, torch.randn(2, QUERIES, 8)))
    return part, scores, weights, key


@pytest.mark.parametrize("name", [name for name in WEIGHTS if WEIGHTS.load(name).traits.normalised])
def test_weights_of_a_row_sum_to_one(name: str) -> None:
    _, scores, weights, _ = call(name)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, QUERIES, dtype=weights.dtype))
    assert (weights[scores == -torch.inf] == 0).all()


def test_log_n_is_softmax_of_scores_times_the_logarithm_of_the_visible_keys() -> None:
    _, scores, weights, _ = call("log-n")
    for row in range(QUERIES):
        expected = torch.softmax(scores[..., row, : row + 1] * math.log(row + 1), -1)
        torch.testing.assert_close(weights[..., row, : row + 1], expected)


def test_scalable_softmax_has_a_scale_per_head() -> None:
    part, scores, _, key = call("scalable-softmax")
    with torch.no_grad():
        part.scale.copy_(torch.tensor([0.5, 2.0]))
    query = torch.randn(2, 2, QUERIES, 4).double()
    weights = part.probabilities(call_of(query, key))
    scores = query @ key.mT / 2
    for head, scale in enumerate((0.5, 2.0)):
        expected = torch.softmax(scores[:, head, -1] * scale * math.log(QUERIES), -1)
        torch.testing.assert_close(weights[:, head, -1], expected)


def test_documents_count_their_own_keys() -> None:
    torch.manual_seed(0)
    attention = Attention(8, heads=2, mechanism="log-n")
    hidden, ids = torch.randn(1, 7, 8), torch.tensor([[0, 0, 0, 1, 1, 1, 1]])
    separate = torch.cat([attention(hidden[:, :3]), attention(hidden[:, 3:])], dim=1)
    torch.testing.assert_close(attention(hidden, document_ids=ids), separate)


def test_adaptive_temperature_is_the_published_polynomial() -> None:
    _, scores, weights, _ = call("adaptive-temperature")
    for z, p in zip(scores.flatten(0, 2).numpy(), weights.flatten(0, 2).numpy(), strict=True):
        z = z[np.isfinite(z)]
        soft = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
        entropy = -(soft * np.log(soft + 1e-9)).sum()
        beta = max(np.polyval([-0.037, 0.481, -2.3, 4.917, -1.791], entropy), 1) if entropy > 0.5 else 1
        sharp = np.exp(beta * (z - z.max()))
        np.testing.assert_allclose(p[: len(z)], sharp / sharp.sum())


def test_adaptive_temperature_sharpens_what_is_flat() -> None:
    flat = torch.linspace(0, 1, 16).expand(1, 1, 1, 16)
    part = WEIGHTS.load("adaptive-temperature")(SIZES).eval()
    assert part.of_scores(flat, of_small_vectors(16)).amax() > 1.5 * flat.softmax(-1).amax()


def test_top_1_takes_the_first_of_equal_keys() -> None:
    part = WEIGHTS.load("top-1")(SIZES).eval()
    scores = torch.tensor([1.0, 3.0, 3.0, -torch.inf]).expand(1, 1, 1, 4)
    assert part.of_scores(scores, of_small_vectors(4)).flatten().tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("kinds", [1, 4])
@pytest.mark.parametrize("name", ["top-k", "top-1", "lssar"])
def test_rounding_does_not_choose_among_equal_keys(name: str, kinds: int) -> None:
    torch.manual_seed(0)
    part = WEIGHTS.load(name)(SIZES).float().eval()
    key = torch.randn(2, 1, kinds, 4, dtype=torch.float32)[:, :, torch.randint(kinds, (40,))]
    query, key = part.prepare(torch.randn(2, 2, 40, 4, dtype=torch.float32), key, key)
    exact, rounded = call_of(query.double(), key.double()), call_of(query, key)
    unit = 4 * torch.finfo(torch.float32).eps
    expected = part.of_scores(exact.scores(), exact)
    for _ in range(5):
        scores = rounded.scores()
        noise = unit * torch.empty_like(scores).uniform_(-1, 1)
        torch.testing.assert_close(
            part.of_scores(scores * (1 + noise), rounded).double(), expected, rtol=1e-3, atol=1e-5
        )


@pytest.mark.parametrize("name", ["adaptive-temperature", "top-1"])
def test_the_weights_of_softmax_serve_it(name: str) -> None:
    torch.manual_seed(0)
    plain, sharp = Attention(16, 2, mechanism="softmax"), Attention(16, 2, mechanism=name)
    sharp.load_state_dict(plain.state_dict())
    hidden = torch.randn(2, 9, 16)
    assert (sharp(hidden) - plain(hidden)).abs().max() > 1e-3
    assert Mechanism.parse(f"{name}+alibi+layer-norm").trained_as == Mechanism.parse("softmax+alibi+layer-norm")
    assert Mechanism.parse("log-n").trained_as == Mechanism.parse("log-n")


def bisected(z: Tensor) -> Tensor:
    """1.5-entmax by bisection of its threshold."""
    low, high = z.amax(-1, keepdim=True) / 2 - 1, z.amax(-1, keepdim=True) / 2
    for _ in range(80):
        middle = (low + high) / 2
        above = (z / 2 - middle).clamp(min=0).square().sum(-1, keepdim=True) > 1
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    return (z / 2 - low).clamp(min=0).square()


@pytest.mark.parametrize("keys", [1, 2, 7, 300, 30_000])
@pytest.mark.parametrize("spread", [0.0, 0.1, 1.0, 30.0])
def test_entmax_is_what_bisection_finds(keys: int, spread: float) -> None:
    z = torch.randn(20, keys, generator=torch.Generator().manual_seed(keys)).double() * spread + 5
    torch.testing.assert_close(entmax(z), bisected(z), rtol=1e-9, atol=1e-12)


def test_entmax_of_a_case_by_hand() -> None:
    # Two scores d apart share p = (x + d/4)^2 and (x - d/4)^2 with x^2 = 1/2 - d^2/16, until one has all at d = 2.
    x = (1 / 2 - 1 / 16) ** 0.5
    expected = torch.tensor([[(x + 1 / 4) ** 2, (x - 1 / 4) ** 2], [1.0, 0.0]]).double()
    torch.testing.assert_close(entmax(torch.tensor([[1.0, 0.0], [2.0, 0.0]]).double()), expected)


def test_entmax_has_the_right_gradient() -> None:
    z = torch.randn(3, 6, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    assert torch.autograd.gradcheck(entmax, (z,))


def test_threshold_relative_dropout_acts_on_the_logits_of_the_authors() -> None:
    """Their code counts the newest kept key as 1, and a dropped logit is 0 (arXiv 2503.23174)."""
    torch.manual_seed(0)
    attention = Attention(8, heads=2, mechanism="threshold-relative", dropout=0.3).double()
    hidden = torch.randn(2, 12, 8).double()
    query, key, value = (vectors.double() for vectors in attention.projected(hidden, hidden))
    query, key = (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) for x in (query, key))
    scores = (query @ key.mT / 2).masked_fill(torch.ones(12, 12).triu(1).bool(), -1e11).relu()
    dropped = scores == 0
    delta = torch.nn.functional.logsigmoid(attention.weights.forget(hidden)).mT[..., None]
    distance = ((~dropped) * delta).flip(-1).cumsum(-1).flip(-1)
    torch.manual_seed(1)
    logits = torch.nn.functional.dropout(scores + distance, 0.3).masked_fill(dropped, -1e11)
    expected = logits.softmax(-1).masked_fill(dropped.all(-1, keepdim=True), 0) @ value
    torch.manual_seed(1)
    torch.testing.assert_close(attention(hidden), attention.project(expected, hidden))
