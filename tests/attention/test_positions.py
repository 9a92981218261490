"""Position parts against their formulas, computed in another way."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lengthwise import Attention
from lengthwise.attention import Mechanism, rows
from lengthwise.attention.cache import LayerCache
from lengthwise.attention.call import Call
from lengthwise.attention.layout import Layout
from lengthwise.attention.parts import Position, Sizes
from lengthwise.attention.positions import POSITIONS
from lengthwise.errors import InputError

HEADS, WIDTH = 4, 8
SIZES = Sizes(dim=32, heads=HEADS, kv_heads=2, head_dim=WIDTH, context=16, reach=64)
TOKENS = 5


def build(name: str, sizes: Sizes = SIZES) -> Any:
    """A part at inference, whose learned numbers are not what they begin as."""
    torch.manual_seed(0)
    part = POSITIONS.load(name)(sizes).double().eval()
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.add_(torch.randn_like(parameter) / 3)
    return part


def call_of(
    part: Any, layout: Layout, batch: int = 1, sizes: Sizes = SIZES, dtype: torch.dtype = torch.float64
) -> Call:
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(batch, layout.keys, sizes.dim, generator=generator, dtype=dtype)
    query = torch.randn(batch, sizes.heads, layout.queries, sizes.head_dim, generator=generator, dtype=dtype)
    key = torch.randn(batch, sizes.kv_heads, layout.keys, sizes.head_dim, generator=generator, dtype=dtype)
    return Call(hidden[:, layout.start :], query, key, key, layout, part, part.track(hidden))


def layout_of(queries: int, keys: int, causal: bool = True, **said: Any) -> Layout:
    return Layout(queries, keys, torch.device("cpu"), causal=causal, **said)


def numbers(parameter: Any) -> Any:
    """A parameter as a list, or as lists in lists."""
    return parameter.detach().double().tolist()


def bucket(t: int) -> int:
    return t if t < 16 else min(31, 16 + math.floor(16 * math.log(t / 16) / math.log(8)))


def wave(t: int) -> float:
    return sum(math.cos(t / 10_000 ** (k / 64)) - 1 for k in range(1, 65))


def power(part: Position, h: int, t: int) -> float:
    scale, exponent, centre = (numbers(value)[h - 1] for value in (part.scale, part.exponent, part.centre))
    return -math.exp(scale) * (abs(t + math.exp(centre) - math.exp(-centre)) + 1e-5) ** exponent


def kernel(part: Position, h: int, t: int) -> float:
    p, a = (0.01 + abs(numbers(value)[h - 1] - 0.01) for value in (part.strength, part.scale))
    return -p * math.log(1 + a * t)


OF_DISTANCE: dict[str, Callable[[Position, int, int], float]] = {
    "nape": lambda part, h, t: -t / h if h <= HEADS // 2 else 0.0,
    "hard-alibi": lambda part, h, t: -math.inf if h <= HEADS // 2 and t >= h else 0.0,
    "t5": lambda part, h, t: numbers(part.table)[h - 1][bucket(t)],
    "kerple": kernel,
    "sandwich": lambda part, h, t: wave(t) * HEADS / (8 * h),
    "bam": power,
}
"""What head h, from 1, adds at distance t."""


@pytest.mark.parametrize("name", OF_DISTANCE)
@pytest.mark.parametrize("causal", [True, False])
def test_bias_of_distance(name: str, causal: bool) -> None:
    part, formula = build(name), OF_DISTANCE[name]
    said = torch.tensor([[0, 3, 17, 40, 300], [7, 8, 9, 20, 21]])
    documents = torch.tensor([[0, 0, 0, 1, 1], [2, 2, 2, 2, 2]])
    indices = [[0, 1, 2, 0, 1], [0, 1, 2, 3, 4]]
    for layout, places in (
        (layout_of(TOKENS, TOKENS, causal), [list(range(TOKENS))]),
        (layout_of(TOKENS, TOKENS, causal, positions=said), said.tolist()),
        (layout_of(TOKENS, TOKENS, causal, documents=documents), indices),
    ):
        bias = part.of(call_of(part, layout, batch=len(places)))
        assert bias.shape == (len(places), HEADS, TOKENS, TOKENS)
        for sequence, positions in enumerate(places):
            expected = [
                [[formula(part, h, abs(i - j)) for j in positions] for i in positions] for h in range(1, HEADS + 1)
            ]
            torch.testing.assert_close(bias[sequence], torch.tensor(expected, dtype=torch.float64))


def test_buckets_are_those_of_t5() -> None:
    t5 = pytest.importorskip("transformers.models.t5.modeling_t5")
    part, distance = build("t5"), torch.arange(5_000)
    theirs = t5.T5Attention._relative_position_bucket(-distance, bidirectional=False, num_buckets=32, max_distance=128)
    assert torch.equal(part.bucket(distance.double()), theirs)


def test_kerple_comes_back_from_where_it_may_not_be() -> None:
    part: Any = build("kerple")
    with torch.no_grad():
        part.strength.fill_(0.009)
    assert (part.of_distance(torch.arange(3.0, dtype=torch.float64))[:, 2] < 0).all()
    (gradient,) = torch.autograd.grad(part.of_distance(torch.tensor([5.0], dtype=torch.float64)).sum(), part.strength)
    assert (gradient > 0).all()  # down the gradient, it is less and less: the strength grows from 0.011 on


def test_bam_starts_as_alibi() -> None:
    sizes, distance = Sizes(48, 6, 6, 8), torch.arange(200, dtype=torch.float64)
    bam, alibi = (POSITIONS.load(name)(sizes).double() for name in ("bam", "alibi"))
    torch.testing.assert_close(bam.of_distance(distance), alibi.of_distance(distance), rtol=1e-4, atol=1e-5)


def test_hidden_keys_have_finite_gradients() -> None:
    torch.manual_seed(0)
    attention = Attention(32, HEADS, mechanism="softmax+hard-alibi").double()
    hidden = torch.randn(1, 9, 32, dtype=torch.float64, requires_grad=True)
    bias = attention.position.of(call_of(attention.position, layout_of(9, 9)))
    assert [int((head[-1] == 0).sum()) for head in bias[0]] == [1, 2, 9, 9]
    (gradient,) = torch.autograd.grad(attention(hidden).sum(), hidden)
    assert gradient.isfinite().all()


# Rotary embedding


def frequencies(name: str, sizes: Sizes) -> Tensor:
    return POSITIONS.load(name)(sizes).eval().frequencies(sizes.head_dim, torch.device("cpu"))


@pytest.mark.parametrize(
    ("context", "reach", "head_dim"), [(16, 64, 8), (2048, 8192, 64), (4096, 131_072, 128), (128, 4096, 16)]
)
def test_stretched_frequencies_are_those_of_transformers(context: int, reach: int, head_dim: int) -> None:
    pytest.importorskip("transformers")
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    sizes = Sizes(head_dim * 2, 2, 2, head_dim, context=context, reach=reach)

    def theirs(kind: str, length: int | None = None, **settings: float) -> tuple[Tensor, float]:
        scaling = {"rope_type": kind, "rope_theta": 10_000.0, **settings}
        config = LlamaConfig(
            hidden_size=head_dim * 2, num_attention_heads=2, max_position_embeddings=context, rope_parameters=scaling
        )
        return ROPE_INIT_FUNCTIONS[kind](config, torch.device("cpu"), seq_len=length)

    factor = reach / context
    linear, _ = theirs("linear", factor=factor)
    torch.testing.assert_close(frequencies("rope-interpolated", sizes), linear)
    dynamic, _ = theirs("dynamic", length=reach, factor=1.0)  # whose base at this length is the one of the formula
    torch.testing.assert_close(frequencies("rope-ntk", sizes), dynamic)
    yarn, length = theirs("yarn", factor=factor, original_max_position_embeddings=context)
    torch.testing.assert_close(frequencies("yarn", sizes), yarn)
    query, key = torch.randn(2, 1, 2, 5, head_dim, dtype=torch.float64).unbind()
    positions, part = torch.tensor([[0, 1, 7, 40, 300]]), POSITIONS.load("yarn")(sizes).eval()
    ours = part.turn(query, key, positions)
    angles = positions[..., None] * part.frequencies(head_dim, torch.device("cpu"), torch.float64)
    for turned, plain in zip(ours, (query, key), strict=True):
        first, second = plain.chunk(2, dim=-1)
        cosine, sine = angles.cos() * length, angles.sin() * length
        expected = torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)
        torch.testing.assert_close(turned, expected)


STRETCHED = ["rope-interpolated", "rope-ntk", "yarn"]


@pytest.mark.parametrize("name", STRETCHED)
def test_the_weights_of_rope_serve_what_is_stretched(name: str) -> None:
    torch.manual_seed(0)
    plain, stretched = (Attention(32, 4, mechanism=f"softmax+{part}", context=8, reach=32) for part in ("rope", name))
    stretched.load_state_dict(plain.state_dict())
    hidden = torch.randn(2, 20, 32)
    assert (stretched(hidden) - plain(hidden)).abs().max() > 1e-3
    trained_as = Mechanism.parse(f"top-1+{name}+layer-norm").trained_as
    assert trained_as == Mechanism.parse("softmax+rope+layer-norm")


@pytest.mark.parametrize("name", STRETCHED)
def test_the_factor_can_be_said(name: str) -> None:
    said = POSITIONS.load(name)(Sizes(32, 4, 4, WIDTH, context=16), factor=4)
    assert torch.equal(said.frequencies(WIDTH, torch.device("cpu")), frequencies(name, SIZES))
    assert str(Mechanism.parse(f"softmax+{name}[base=500,factor=4]").trained_as) == "softmax+rope[base=500]"
    with pytest.raises(InputError, match=r"factor is at least 1, or 0 for reach over context; got 0\.5"):
        Mechanism.parse(f"softmax+{name}[factor=0.5]")


@pytest.mark.parametrize("name", STRETCHED)
@pytest.mark.parametrize("reach", [5, 16])
def test_nothing_to_stretch_is_rope(name: str, reach: int) -> None:
    sizes = Sizes(32, 4, 4, 8, context=16, reach=reach)
    torch.testing.assert_close(frequencies(name, sizes), frequencies("rope", sizes))


@pytest.mark.parametrize("name", [*STRETCHED, "xpos"])
def test_lengths_have_to_be_known(name: str) -> None:
    with pytest.raises(InputError, match=f"'{name}' needs to know how long training sequences are"):
        Attention(32, 4, mechanism=f"softmax+{name}")
    if name != "xpos":
        with pytest.raises(InputError, match="how long the longest sequence will be"):
            Attention(32, 4, mechanism=f"softmax+{name}", context=8)


def test_ntk_leaves_the_fastest_and_interpolates_the_slowest() -> None:
    plain, ntk = frequencies("rope", SIZES), frequencies("rope-ntk", SIZES)
    assert ntk[0] == plain[0]
    assert ntk[-1] == pytest.approx(plain[-1] / 4)
    assert frequencies("rope-ntk", Sizes(2, 1, 1, 2, context=4, reach=16)).tolist() == [1.0]


def test_p_rope_turns_the_fastest_pairs_alone() -> None:
    part = POSITIONS.load("p-rope")(SIZES)
    query, key = torch.randn(2, 1, 2, 6, WIDTH).unbind()
    positions = torch.arange(10, 16)[None]
    turned, of_rope = part.turn(query, key, positions)[0], POSITIONS.load("rope")(SIZES).turn(query, key, positions)[0]
    still = torch.tensor([3, 7])  # the slowest of 4 pairs
    turning = torch.tensor([0, 1, 2, 4, 5, 6])
    assert torch.equal(turned[..., still], query[..., still])
    assert torch.equal(turned[..., turning], of_rope[..., turning])


@pytest.mark.parametrize("head_dim", [8, 14, 128])
def test_p_rope_has_the_frequencies_of_transformers(head_dim: int) -> None:
    pytest.importorskip("transformers")
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    scaling = {"rope_type": "proportional", "rope_theta": 10_000.0, "partial_rotary_factor": 0.75}
    config = LlamaConfig(hidden_size=2 * head_dim, num_attention_heads=2, rope_parameters=scaling)
    theirs, _ = ROPE_INIT_FUNCTIONS["proportional"](config, torch.device("cpu"))
    torch.testing.assert_close(frequencies("p-rope", Sizes(2 * head_dim, 2, 2, head_dim)), theirs)


def scores(part: Any, query: Tensor, key: Tensor, positions: Tensor) -> Tensor:
    query, key = part.turn(query, key, positions)
    return query @ key.mT


@pytest.mark.parametrize("start", [0, 25_000])
def test_xpos_fades_with_distance(start: int) -> None:
    part = POSITIONS.load("xpos")(Sizes(32, 1, 1, WIDTH, context=16))
    query, key = torch.randn(2, 1, 1, 4, WIDTH, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    positions = [0, 3, 4, 11]
    ours = scores(part, query, key, torch.tensor([positions]) + start)[0, 0]
    half = WIDTH // 2
    for i, t in enumerate(positions):
        for j, s in enumerate(positions[: i + 1]):
            expected = 0.0
            for m in range(half):
                q, k = (complex(*vectors[0, 0, row, [m, m + half]].tolist()) for vectors, row in ((query, i), (key, j)))
                zeta = (2 * m / WIDTH + 0.4) / 1.4
                turned = q * k.conjugate() * np.exp(1j * (t - s) * 10_000 ** (-2 * m / WIDTH))
                expected += turned.real * zeta ** ((t - s) / 512)
            assert ours[i, j].item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("context", [6, 7])
def test_xpos_looks_back_one_block(context: int) -> None:
    torch.manual_seed(0)
    attention, wide = (Attention(32, 4, mechanism="softmax+xpos", context=of).double() for of in (context, 20))
    wide.load_state_dict(attention.state_dict())
    hidden = torch.randn(1, 20, 32, dtype=torch.float64)
    seen_by_blocks, everything = attention(hidden), wide(hidden)
    torch.testing.assert_close(seen_by_blocks[:, :context], everything[:, :context])
    torch.testing.assert_close(attention(hidden[:, :context]), everything[:, :context])
    assert (seen_by_blocks[:, 2 * context :] - everything[:, 2 * context :]).abs().max() > 1e-3
    starts = [0, *range(math.ceil(context / 2), 20, context // 2)]
    bias = attention.position.of(call_of(attention.position, layout_of(20, 20)))
    for i in range(20):
        seen = [j for j in range(i + 1) if bias[0, 0, i, j] == 0]
        own = max(block for block, start in enumerate(starts) if start <= i)
        assert seen == list(range(starts[max(own - 1, 0)], i + 1))
        assert i - seen[0] < context, "no distance is longer than in training"


def test_xpos_refuses_what_it_cannot_hold() -> None:
    attention = Attention(8, 1, mechanism="softmax+xpos", context=16).eval()
    hidden, positions = torch.randn(1, 3, 8, dtype=torch.float64), torch.tensor([[-2, -1, 0]])
    for dtype, farthest in ((torch.float64, 283_000), (torch.float32, 31_000), (torch.float16, 2_000)):
        attention, hidden = attention.to(dtype), hidden.to(dtype)
        assert attention(hidden, positions=positions + farthest).isfinite().all()
        name, beyond = str(dtype).removeprefix("torch."), farthest + 400
        sentence = rf"'xpos' trained on 16 tokens holds positions up to [\d,]+ in {name}, .* at {beyond:,};"
        with pytest.raises(InputError, match=sentence):
            attention(hidden, positions=positions + beyond)
    long = torch.zeros(1, 31_500, dtype=torch.long)
    long[:, 20_000:] = 1
    part = attention.position
    counted, packed = layout_of(1, 31_500), layout_of(1, 31_500, documents=long)
    with pytest.raises(InputError, match="shorter sequence"):
        part.of(call_of(part, counted, sizes=Sizes(8, 1, 1, 8), dtype=torch.float32))
    assert part.of(call_of(part, packed, sizes=Sizes(8, 1, 1, 8), dtype=torch.float32)).isfinite().any()


# FIRE


@pytest.mark.parametrize("causal", [True, False])
def test_fire_by_loops(causal: bool) -> None:
    part = build("fire")
    weight, shift, out, offset = (
        np.array(numbers(value)) for value in (part.first.weight, part.first.bias, part.second.weight, part.second.bias)
    )
    scale, threshold = abs(part.scale.item()), abs(part.threshold.item()) * 4  # a quarter of the 16 tokens trained on
    positions = [0, 2, 3, 30]
    layout = layout_of(4, 4, causal, positions=torch.tensor([positions]))
    bias = part.of(call_of(part, layout))
    for i, t in enumerate(positions):
        for j, s in enumerate(positions if not causal else positions[: i + 1]):
            x = math.log(scale * abs(t - s) + 1) / (math.log(scale * max(t, s, threshold) + 1) + part.EPS)
            expected = out @ np.maximum(weight[:, 0] * x + shift, 0) + offset
            np.testing.assert_allclose(bias[0, :, i, j].detach(), expected)


def test_fire_begins_with_the_threshold_of_the_paper_or_less() -> None:
    assert [POSITIONS.load("fire")(Sizes(8, 2, 2, 4, context=context)).unit for context in (None, 4096, 64)] == [
        512,
        512,
        16,
    ]


# Sums over tokens


def attended(attention: Attention, hidden: Tensor, weigh: Callable[[int, int, int], float]) -> Tensor:
    """Softmax attention of one sequence by loops; ``weigh(h, i, j)`` multiplies the exponentials of head h, from 0."""
    query, key, value = (
        layer(hidden)[0].detach().unflatten(-1, (-1, attention.sizes.head_dim))
        for layer in (attention.query, attention.key, attention.value)
    )
    tokens, heads, width = query.shape
    group = heads // key.shape[1]
    output = torch.zeros_like(query)
    for h in range(heads):
        for i in range(tokens):
            weights = [math.exp(query[i, h] @ key[j, h // group] / width**0.5) * weigh(h, i, j) for j in range(tokens)]
            for j in range(tokens):
                output[i, h] += weights[j] / sum(weights) * value[j, h // group]
    return attention.project.matrix(output.flatten(1))[None]


@pytest.mark.parametrize("name", ["forgetting", "cable"])
@pytest.mark.parametrize("causal", [True, False])
def test_forgetting_multiplies_what_tokens_keep(name: str, causal: bool) -> None:
    torch.manual_seed(0)
    attention = Attention(32, HEADS, 2, f"softmax+{name}", causal=causal).double()
    attention.position.load_state_dict(build(name).state_dict())
    hidden = torch.randn(1, 6, 32, dtype=torch.float64)
    sign = {"forgetting": 1, "cable": -1}[name]  # exp(-softplus(a)) = sigmoid(-a)
    kept = torch.sigmoid(sign * attention.position.forget(hidden))[0].tolist()

    def weigh(h: int, i: int, j: int) -> float:
        if causal and j > i:
            return 0.0
        return math.prod(kept[k][h] for k in range(min(i, j) + 1, max(i, j) + 1))

    torch.testing.assert_close(attention(hidden), attended(attention, hidden, weigh))


def test_forgetting_begins_as_the_paper_says() -> None:
    gates = POSITIONS.load("forgetting")(Sizes(4096, 4, 4, 1024)).forget
    assert gates.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert (gates.bias == 0).all()


def test_neighbours_are_exact_after_many_tokens() -> None:
    part, tokens = build("forgetting"), 300_000
    call = call_of(part, layout_of(2, tokens), sizes=SIZES)
    assert call.tracked is not None
    gates = 3 * call.tracked
    near = part.of(Call(call.hidden, call.query, call.key, call.key, call.layout, part, gates))[..., -4:]
    assert gates.sum(-1).max() < -300_000
    for row, i in enumerate((2, 3)):
        for j in range(i):
            expected = gates[..., tokens - 4 :][..., j + 1 : i + 1].double().sum(-1).to(gates.dtype)
            torch.testing.assert_close(near[..., row, j], expected, rtol=1e-6, atol=1e-9)


def counts(z: np.ndarray, i: int, j: int) -> float:
    """Position of key j as query i of these scores sees it."""
    return sum(1 / (1 + math.exp(-z[i, k])) for k in range(min(i, j), max(i, j) + 1))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("tokens", [5, 150])
def test_cope_interpolates_between_embeddings(causal: bool, tokens: int) -> None:
    part = build("cope")
    call = call_of(part, layout_of(tokens, tokens, causal))
    bias = part.of(call).detach().numpy()
    embeddings, checked = np.array(numbers(part.embeddings)), (0, 1, tokens // 2, tokens - 1)
    for h in range(HEADS):
        query, key = call.query[0, h].double().numpy(), call.key[0, h // 2].double().numpy()
        z = query @ key.T / WIDTH**0.5
        for i in checked:
            for j in (j for j in checked if j <= i or not causal):
                p = min(counts(z, i, j), 63)
                low = min(math.floor(p), 62)
                embedding = embeddings[low] + (p - low) * (embeddings[low + 1] - embeddings[low])
                assert bias[0, h, i, j] == pytest.approx(query[i] @ embedding / WIDTH**0.5)


def test_cope_counts_within_documents() -> None:
    part = build("cope")
    documents = torch.tensor([[0, 0, 0, 1, 1, 1, 1]])
    call = call_of(part, layout_of(7, 7, documents=documents))
    positions = part.positions(call)[0, 1].numpy()
    z = (call.query[0, 1] @ call.key[0, 0].mT / WIDTH**0.5).double().numpy()
    for i, j in ((3, 3), (6, 3), (2, 0)):
        assert positions[i, j] == pytest.approx(counts(z, i, j))


def test_cope_is_no_position_at_first() -> None:
    torch.manual_seed(0)
    plain, contextual = (Attention(32, 4, mechanism=name).double() for name in ("softmax", "softmax+cope"))
    contextual.load_state_dict(plain.state_dict() | contextual.position.state_dict(prefix="position."))
    hidden = torch.randn(2, 9, 32, dtype=torch.float64)
    torch.testing.assert_close(contextual(hidden), plain(hidden))


def test_cable_starts_as_a_linear_layer() -> None:
    part = POSITIONS.load("cable")(Sizes(64, 32, 32, 2))
    for parameter in (part.forget.weight, part.forget.bias):
        assert 0.1 < parameter.abs().max() <= 64**-0.5


# What they share


LEARNED = ["t5", "kerple", "bam", "fire", "forgetting", "cable", "cope"]


@pytest.mark.parametrize("name", LEARNED)
@pytest.mark.parametrize("causal", [True, False])
def test_gradients(name: str, causal: bool) -> None:
    torch.manual_seed(0)
    sizes = Sizes(4, 2, 1, 2, context=8)
    attention = Attention(4, 2, 1, f"softmax+{name}", causal=causal, context=8).double()
    attention.position.load_state_dict(build(name, sizes).state_dict())
    attention.position.double()
    names, values = zip(*attention.named_parameters(), strict=True)
    hidden = torch.randn(1, 4, 4, dtype=torch.float64, requires_grad=True)

    def output(hidden: Tensor, *parameters: Tensor) -> Tensor:
        return torch.func.functional_call(attention, dict(zip(names, parameters, strict=True)), (hidden,))

    assert torch.autograd.gradcheck(output, (hidden, *values))


@pytest.mark.parametrize("name", ["fire", "cope", "forgetting", "xpos", "hard-alibi"])
def test_blocks_are_the_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    attention = Attention(16, heads=2, mechanism=f"softmax+{name}", context=30).double().eval()
    hidden = torch.randn(2, 90, 16, dtype=torch.float64, requires_grad=True)
    ids = torch.repeat_interleave(torch.arange(2), 45).expand(2, -1)

    def results() -> list[Tensor]:
        output = attention(hidden, document_ids=ids)
        return [output, *torch.autograd.grad(output.square().sum(), [hidden, *attention.parameters()])]

    whole = results()
    monkeypatch.setattr(rows, "SCORES_AT_ONCE", 12_000)  # blocks of 33 rows or fewer, and of 16 within them
    for blocked, expected in zip(results(), whole, strict=True):
        torch.testing.assert_close(blocked, expected)


@pytest.mark.parametrize("name", [*OF_DISTANCE, "fire", "yarn", "p-rope", "xpos"])
def test_positions_said_to_a_cache(name: str) -> None:
    """Positions with gaps, token by token, are those of a sequence read at once."""
    torch.manual_seed(0)
    attention = Attention(32, 4, 2, f"softmax+{name}", context=12, reach=48).double().eval()
    hidden, positions = torch.randn(2, 9, 32, dtype=torch.float64), torch.tensor([[0, 1, 5, 6, 7, 20, 21, 30, 47]])
    cache = LayerCache()
    with torch.no_grad():
        steps = zip(hidden.split(1, 1), positions.split(1, 1), strict=True)
        together = torch.cat([attention(h, positions=p, cache=cache) for h, p in steps], 1)
        torch.testing.assert_close(together, attention(hidden, positions=positions))
