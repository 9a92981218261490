"""Attention layers against those of x-transformers, an independent implementation.

Our parameters take the place of theirs, through a conversion where the two write the same thing differently. So the
gradients of both are gradients of our parameters, and what is converted is said where it is.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from lengthwise import Attention
from lengthwise.attention.parts import Sizes
from lengthwise.attention.positions import POSITIONS

oracle = pytest.importorskip(
    "x_transformers.x_transformers", reason="needs the package x-transformers, which `make oracles` installs"
)

DIM, HEADS, WIDTH, TOKENS = 64, 4, 16, 60
ROUNDING = 64
softmax = partial(torch.softmax, dim=-1)
"""Theirs is in float32 whatever comes in, but takes another in its place."""

Oracle = Callable[[Attention, Tensor], Tensor]


def layer(mechanism: str, dtype: torch.dtype = torch.float64, heads: int = HEADS, **options: Any) -> Attention:
    """One of ours whose parameters are random, also those that begin as zeros or ones."""
    torch.manual_seed(0)
    attention = Attention(WIDTH * heads, heads, mechanism=mechanism, **options).to(dtype)
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.add_(torch.randn_like(parameter) / 10)
    return attention


def same(ours: Attention, theirs: Oracle, tokens: int = TOKENS, **options: Any) -> None:
    """Outputs and all gradients agree to ``ROUNDING`` units of rounding, relative to the largest number of each."""
    dtype = ours.query.weight.dtype
    hidden = torch.randn(2, tokens, ours.sizes.dim).to(dtype).requires_grad_()
    outputs = ours(hidden, **options), theirs(ours, hidden)
    upstream = torch.randn_like(outputs[0])
    inputs = {"hidden": hidden, **dict(ours.named_parameters())}
    found, expected = ([output, *torch.autograd.grad(output, list(inputs.values()), upstream)] for output in outputs)
    for name, own, other in zip(["output", *inputs], found, expected, strict=True):
        size = other.abs().max()
        assert size > 1e-3, name
        atol = ROUNDING * torch.finfo(dtype).eps
        torch.testing.assert_close(own / size, other / size, rtol=0, atol=atol, msg=f"{name}: {{}}".format)


def theirs(
    parameters: Callable[[Any], dict[str, Tensor]] = lambda ours: {},
    turned: bool = False,
    arguments: Callable[[Attention, Tensor], dict[str, Any]] = lambda ours, hidden: {},
    **options: Any,
) -> Oracle:
    """Their layer with our parameters.

    Args:
        parameters: by their name, those that are not the four projections.
        turned: whether queries and keys turn: they pair neighbouring components, we pair the halves of a head.
        arguments: of a call.
        options: of the layer.
    """
    plain = {"custom_attn_fn": softmax} if not {"sigmoid", "sparse_topk", "hard"} & set(options) else {}

    def attend(ours: Attention, hidden: Tensor) -> Tensor:
        sizes = ours.sizes
        given = {"dim": sizes.dim, "heads": sizes.heads, "dim_head": sizes.head_dim, "kv_heads": sizes.kv_heads}
        given |= {"causal": ours.causal, "project_out": True}
        built = oracle.Attention(**{**given, **plain, **options}).to(hidden.dtype)
        order = torch.arange(sizes.head_dim).view(2, -1).T.flatten() if turned else torch.arange(sizes.head_dim)
        replaced = {
            "to_q.weight": ours.query.weight.unflatten(0, (-1, sizes.head_dim))[:, order].flatten(0, 1),
            "to_k.weight": ours.key.weight.unflatten(0, (-1, sizes.head_dim))[:, order].flatten(0, 1),
            "to_v.weight": ours.value.weight,
            "to_out.weight": ours.project.matrix.weight,
            **parameters(ours),
        }
        assert replaced.keys() == dict(built.named_parameters()).keys()
        return functional_call(built, replaced, (hidden,), arguments(ours, hidden))

    return attend


def seen(hidden: Tensor) -> Tensor:
    """How many keys each query sees, itself included."""
    return torch.arange(1, hidden.shape[1] + 1).to(hidden.dtype)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("kv_heads", [1, HEADS])  # in between, they give groups of heads their keys in another order
def test_softmax(kv_heads: int, causal: bool) -> None:
    same(layer("softmax", kv_heads=kv_heads, causal=causal), theirs())


def test_selective() -> None:
    same(layer("selective"), theirs(selective=True))


def test_top_k() -> None:
    same(layer("top-k"), theirs(sparse_topk=5))


def test_off_by_one() -> None:
    """Theirs is a key and a value of zeros."""
    same(layer("off-by-one"), theirs(add_zero_kv=True))


def test_learned_sink() -> None:
    same(
        layer("learned-sink"),
        theirs(lambda ours: {"attend.head_attn_sink": ours.weights.sink}, head_learned_sink=True),
    )


def test_sigmoid() -> None:
    """Theirs leaves the bias of minus log n to the caller; ours has the logarithm in float32."""

    def bias(ours: Attention, hidden: Tensor) -> dict[str, Tensor]:
        return {"attn_bias": -seen(hidden).log()[:, None]}

    same(layer("sigmoid", torch.float32), theirs(sigmoid=True, arguments=bias))


def test_top_1_at_inference() -> None:
    """Theirs lets the gradient of a softmax through, ours is for inference: outputs alone."""
    ours, hidden = layer("top-1").eval(), torch.randn(2, TOKENS, DIM).double()
    torch.testing.assert_close(ours(hidden), theirs(hard=True)(ours, hidden), rtol=0, atol=1e-13)


def test_doubly_normalised() -> None:
    """Theirs is not mixed with the softmax. As the output is linear, a sum of two of theirs is."""

    def share(ours: Attention) -> Tensor:
        return ours.weights.share.sigmoid().repeat_interleave(WIDTH)

    double = theirs(
        lambda ours: {"to_out.weight": ours.project.matrix.weight * share(ours)},
        inverted_attention=True,
        custom_attn_fn=partial(torch.softmax, dim=-2),
    )
    single = theirs(lambda ours: {"to_out.weight": ours.project.matrix.weight * (1 - share(ours))})
    same(layer("doubly-normalised", causal=False), lambda ours, hidden: double(ours, hidden) + single(ours, hidden))


@pytest.mark.parametrize("by_head", [False, True])
def test_gates(by_head: bool) -> None:
    same(
        layer("softmax+head-gate" if by_head else "softmax+gate"),
        theirs(
            lambda ours: {"to_v_gate.weight": ours.project.output.gate.weight},
            gate_values=True,
            gate_values_headwise=by_head,
        ),
    )


@pytest.mark.parametrize("heads", [1, 6, 8, 12])
@pytest.mark.parametrize("causal", [True, False])
def test_alibi(heads: int, causal: bool) -> None:
    bias = {"rel_pos": oracle.AlibiPositionalBias(heads)}
    same(
        layer("softmax+alibi", torch.float32, heads, causal=causal),
        theirs(arguments=lambda ours, hidden: bias),
    )


def test_alibi_at_positions_of_the_caller() -> None:
    positions = torch.randint(5, (2, TOKENS), generator=torch.Generator().manual_seed(0)).cumsum(-1)
    given = {"rel_pos": oracle.AlibiPositionalBias(HEADS), "pos": positions}
    same(
        layer("softmax+alibi", torch.float32),
        theirs(arguments=lambda ours, hidden: given),
        positions=positions,
    )


def test_nape() -> None:
    """Theirs is ALiBi of other slopes on the first half of the heads."""
    bias = oracle.AlibiPositionalBias(3, total_heads=6, slopes=[1, 1 / 2, 1 / 3])
    same(layer("softmax+nape", torch.float32, heads=6), theirs(arguments=lambda ours, hidden: {"rel_pos": bias}))


@pytest.mark.parametrize("tokens", [TOKENS, 300])
def test_t5(tokens: int) -> None:
    """Theirs takes a scale, T5's own being the root of the width, as T5 does not scale its scores; here it is 1."""

    def bias(ours: Any, hidden: Tensor) -> dict[str, Tensor]:
        table = oracle.RelativePositionBias(scale=1, causal=True, heads=HEADS)
        size = hidden.shape[1], hidden.shape[1]
        return {"attn_bias": functional_call(table, {"relative_attention_bias.weight": ours.position.table.mT}, size)}

    same(layer("softmax+t5"), theirs(arguments=bias), tokens=tokens)


def rotary(**options: Any) -> Oracle:
    """Theirs with rotary positions; of a base, a stretch and a fading as the options say."""

    def angles(ours: Attention, hidden: Tensor) -> dict[str, Any]:
        embedding = oracle.RotaryEmbedding(**{"dim": WIDTH, **options})
        return {"rotary_pos_emb": embedding.forward_from_seq_len(hidden.shape[1])}

    return theirs(turned=True, arguments=angles)


@pytest.mark.parametrize("causal", [True, False])
def test_rope(causal: bool) -> None:
    same(layer("softmax+rope", torch.float32, causal=causal), rotary())


def test_p_rope() -> None:
    """Theirs turns the first components with frequencies of their own, which another base makes those of the whole."""
    turning = 3 * WIDTH // 4
    same(layer("softmax+p-rope", torch.float32), rotary(dim=turning, base=10_000 ** (turning / WIDTH)))


@pytest.mark.parametrize(
    ("name", "option"), [("rope-interpolated", "interpolation_factor"), ("rope-ntk", "base_rescale_factor")]
)
def test_rope_stretched(name: str, option: str) -> None:
    ours = layer(f"softmax+{name}", torch.float32, context=40, reach=100)
    same(ours, rotary(**{option: 2.5}))


def test_xpos() -> None:
    """Both fade by 512 tokens, from other positions on, which makes no difference.

    Ours has blocks, which hide nothing within a training sequence.
    """
    ours = layer("softmax+xpos", torch.float32, context=TOKENS)
    same(ours, rotary(use_xpos=True))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("name", ["forgetting", "cable"])
def test_forgetting(name: str, causal: bool) -> None:
    """Theirs has the logarithm of a sigmoid, which is CABLE's minus softplus where the gates' signs are turned.

    Looking ahead, theirs has gates of its own for what comes after; ours are the same.
    """
    sign, copies = -1 if name == "cable" else 1, 1 if causal else 2

    def gates(ours: Attention) -> dict[str, Tensor]:
        linear = ours.position.forget
        return {
            "data_dependent_alibi.to_forget_gates.0.weight": sign * linear.weight.repeat(copies, 1),
            "data_dependent_alibi.to_forget_gates.0.bias": sign * linear.bias.repeat(copies),
        }

    same(layer(f"softmax+{name}", causal=causal), theirs(gates, data_dependent_alibi=True))


@pytest.mark.parametrize("tokens", [TOKENS, 200])  # up to the last embedding, and beyond it
def test_cope(tokens: int) -> None:
    """Theirs, as the paper's listing, does not divide the product with an embedding by the root of the width.

    Ours does, as the authors' code by default; their embeddings are ours over the root.
    """

    def embeddings(ours: Attention) -> dict[str, Tensor]:
        return {"attend.cope.pos_emb": ours.position.embeddings / WIDTH**0.5}

    same(layer("softmax+cope"), theirs(embeddings, use_cope=True, cope_max_pos=64), tokens=tokens)


def test_sinusoidal() -> None:
    """Theirs has all sines before all cosines, and a scale that is learned, from the root of the width down."""
    embedding = oracle.ScaledSinusoidalEmbedding(DIM)
    nn.init.ones_(embedding.scale)
    part = POSITIONS.load("sinusoidal")(Sizes(DIM, HEADS, HEADS, WIDTH))
    stream = torch.randn(2, TOKENS, DIM)
    order = torch.arange(DIM).view(2, -1).T.flatten()
    expected = stream * DIM**0.5 + embedding(stream)[:, order]
    torch.testing.assert_close(part.embed(stream, torch.arange(TOKENS)[None]), expected)
