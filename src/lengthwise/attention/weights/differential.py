r"""Differential attention: one softmax minus another, as a differential amplifier cancels noise (arXiv 2410.05258).

:math:`(\mathrm{softmax}(q_1 k_1^\top) - \lambda\,\mathrm{softmax}(q_2 k_2^\top))\,V` with the halves of queries and
keys, :math:`\lambda = e^{\lambda_{q1} \cdot \lambda_{k1}} - e^{\lambda_{q2} \cdot \lambda_{k2}} + \lambda_0` and by
default :math:`\lambda_0 = 0.8 - 0.6\,e^{-0.3 l}` in layer l, counted from 0. The attended values of a head are
RMS-normalised and multiplied by :math:`1 - \lambda_0`.
"""

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Sizes, Weights
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import WeightsTraits
from lengthwise.attention.weights.softmax import Softmax
from lengthwise.errors import InputError
from lengthwise.ops.rowwise import rms_norm
from lengthwise.options import Value, option


class Differential(Softmax):
    """Difference of two softmaxes, each of one half of the queries' and keys' components (arXiv 2410.05258).

    Adds ``3 * head_dim`` parameters: the vectors of lambda, and the scale of the norm, which the heads share.
    A position part that turns queries and keys turns each half by itself, as in the authors' code: under ``rope``,
    ``head_dim`` must be a multiple of 4. A bias is added to both maps.

    If query heads share a key head, the first map of each has the first half of the shared key, and the second map the
    second half, as in DiffLlama of transformers. The authors' code (``multihead_diffattn.py`` in microsoft/unilm)
    repeats each half of a key for neighbouring maps, so that with an even number of query heads for each key head, both
    maps of a head have the same half.
    """

    traits = WeightsTraits(
        evidence="code",
        normalised=False,  # a row sums to 1 - lambda
        keys_enter_by_products=False,  # keys are halved
        route="fused",
    )
    one_dropout = True

    class Options(Softmax.Options):
        lambda_init: float = option(0.8, below=1)
        """Initial lambda in deep layers."""
        lambda_drop: float = option(0.6, at_least=0)
        """How much lower the initial lambda is in the first layer; with 0, it is the same in all layers."""

    options: Options

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        self.at_first = self.options.lambda_init - self.options.lambda_drop * math.exp(-0.3 * sizes.layer)
        self.of_query, self.of_key = (nn.Parameter(torch.randn(2, half_of(sizes, "differential")) / 10) for _ in "qk")
        self.scale = nn.Parameter(torch.ones(sizes.head_dim))

    def prepare(
        self,
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads keys head_dim"],
        value: Float[Tensor, "batch kv_heads keys head_dim"],
    ) -> tuple[Tensor, Tensor]:
        """Split each head into its halves, as two neighbouring heads, so that positions act on each half by itself."""
        return halved(query), halved(key)

    def mixture(self) -> Float[Tensor, ""]:
        """Compute lambda, the factor of the second map."""
        added, taken = (in_float32(self.of_query) * in_float32(self.of_key)).sum(-1).exp()
        return added - taken + self.at_first

    def probabilities(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the difference of the two maps, which may be negative."""
        bias: Tensor | float = 0.0 if call.bias is None or not call.biased else call.bias.of(whole(call))
        hidden = ~call.layout.visible()
        first, second = ((of.products + bias).masked_fill(hidden, -torch.inf).softmax(-1) for of in maps(call))
        return first - self.mixture() * second

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values, normalised."""
        if self.fuses(call):
            first, second = (self._softmax(of) for of in maps(call))
            attended = first - self.mixture() * second
        else:
            attended = Weights.forward(self, call)
        normed = rms_norm(in_float32(attended), eps=1e-5) * in_float32(self.scale)
        return ((1 - self.at_first) * normed).to(call.value.dtype)

    def _softmax(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Attend by one map. Fused routines need values as wide as queries, so zeros make the halves as wide."""
        width, half = call.value.shape[-1], call.query.shape[-1]
        query, key = (F.pad(of, (0, width - half)) for of in (call.query * (width / half) ** 0.5, call.key))
        return in_float32(super().forward(replace(call, query=query, key=key)))


def half_of(sizes: Sizes, part: str) -> int:
    """Return half the width of a head; refuse an odd width."""
    if sizes.head_dim % 2:
        raise InputError(f"{part!r} halves queries and keys: head_dim must be even, got {sizes.head_dim}.")
    return sizes.head_dim // 2


def halved(vectors: Float[Tensor, "batch heads tokens head_dim"]) -> Float[Tensor, "batch twice tokens half"]:
    """Return both halves of each head as neighbouring heads."""
    return vectors.unflatten(-1, (2, -1)).movedim(-2, 2).flatten(1, 2)


def maps(call: Call) -> tuple[Call, Call]:
    """Return the call of the first halves and the call of the second halves."""
    first, second = (replace(call, query=call.query[:, half::2], key=call.key[:, half::2]) for half in (0, 1))
    return first, second


def whole(call: Call) -> Call:
    """Return the call with its halves joined again, as a position part expects queries and keys."""
    query, key = (vectors.unflatten(1, (-1, 2)).movedim(2, -2).flatten(-2) for vectors in (call.query, call.key))
    return replace(call, query=query, key=key)
