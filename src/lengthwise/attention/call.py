"""One call of an attention layer: the input that its parts receive."""

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.cache import LayerCache
from lengthwise.attention.layout import Layout
from lengthwise.attention.precision import in_float32
from lengthwise.ops.curve import Curve


@runtime_checkable
class ScoreBias(Protocol):
    """A bias that a position part adds to the scores of a call."""

    @property
    def depends_on_scores(self) -> bool:
        """True if the bias cannot be computed before the scores."""

    @property
    def learned(self) -> bool:
        """True if the bias has parameters that are trained."""

    def log_forget(self, call: "Call") -> Float[Tensor, "batch heads keys"] | None:
        """Return the gates of :func:`lengthwise.ops.forgetting_attention` that are the same as the bias, if any."""

    def by_distance(self, call: "Call") -> Float[Tensor, "heads keys"] | None:
        """Return the bias at each distance from 0 on, if it depends on the distance alone."""

    def curve(self, call: "Call") -> Curve | None:
        """Return the bias as a function of relative distance, if it is one."""

    def applies(self, call: "Call") -> bool:
        """True if the bias changes the scores of this call."""

    def of(self, call: "Call") -> Float[Tensor, "#batch heads queries keys"]:
        """Compute the bias that is added to the scaled scores; its values at hidden keys do not matter."""


@dataclass(frozen=True)
class Call:
    """Queries, with the keys and values that they may attend to. A block of rows of a call is a call, too."""

    hidden: Float[Tensor, "batch queries dim"]
    """The layer's input at the queries."""
    query: Float[Tensor, "batch query_heads queries head_dim"]
    key: Float[Tensor, "batch kv_heads keys head_dim"]
    value: Float[Tensor, "batch value_heads keys width"]
    """Number and width of the heads differ from those of queries and keys where the weights part splits these."""
    layout: Layout
    bias: ScoreBias | None = None
    """The bias that is added to the scores; None where the mechanism has no bias."""
    tracked: Float[Tensor, "batch heads keys"] | None = None
    """The numbers that the bias tracks, one per token and head."""
    cache: LayerCache | None = None
    """The cache, in which a part stores its state between calls."""

    def rows(self, start: int, stop: int) -> "Call":
        """Return the call of queries ``start`` to ``stop`` alone, with the keys that they can see."""
        layout = self.layout.rows(start, stop)
        return replace(
            self,
            hidden=self.hidden[:, start:stop],
            query=self.query[:, :, start:stop],
            key=self.key[:, :, : layout.keys],
            value=self.value[:, :, : layout.keys],
            layout=layout,
            tracked=None if self.tracked is None else self.tracked[:, :, : layout.keys],
        )

    @property
    def biased(self) -> bool:
        """True if a bias is added to the scores of this call."""
        return self.bias is not None and self.bias.applies(self)

    @property
    def learns_bias(self) -> bool:
        """True if a bias with a gradient is added to the scores of this call."""
        return self.biased and (self.tracked is not None or (self.bias is not None and self.bias.learned))

    @property
    def products(self) -> Float[Tensor, "batch heads queries keys"]:
        """``q k / sqrt(head_dim)`` in float32 or better, for hidden keys, too."""
        if "_products" not in self.__dict__:  # no cached_property, whose lock torch cannot compile
            query, key = in_float32(self.query), in_float32(heads_of(self.key, self.query.shape[1]))
            self.__dict__["_products"] = (query / query.shape[-1] ** 0.5) @ key.mT
        return self.__dict__["_products"]

    def scores(self) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the products plus the bias, with minus infinity where a key is hidden."""
        scores = self.products + (0 if self.bias is None or not self.biased else self.bias.of(self))
        return scores.masked_fill_(~self.layout.visible(), -torch.inf)

    def rounding(self, scores: Float[Tensor, "batch heads queries keys"]) -> Float[Tensor, "batch heads queries keys"]:
        """Bound the error that rounding may have caused in each score, so that ties between keys can be recognised.

        The scores of equal keys can differ in the last bits, because the place of a product in its matrix decides the
        order of its summation. The bound is that of a product of rounded vectors, with room for the rounding of earlier
        layers.
        """
        unit = 32 * torch.finfo(scores.dtype).eps + 2 * torch.finfo(self.key.dtype).eps
        query, key = (in_float32(vectors.detach()).norm(dim=-1) for vectors in (self.query, self.key))
        products = (unit * query / self.query.shape[-1] ** 0.5)[..., None] * heads_of(key, query.shape[1])[:, :, None]
        return scores.detach().masked_fill(scores == -torch.inf, 0).abs().mul_(unit).add_(products)

    def attend(self, weights: Float[Tensor, "batch heads queries keys"]) -> Float[Tensor, "batch heads queries width"]:
        """Return the sum of the values with the given weights."""
        return weights.to(self.value.dtype) @ heads_of(self.value, weights.shape[1])


def of_nothing(
    query: Tensor, key: Tensor, value: Tensor, heads: int, *parts: nn.Module
) -> Float[Tensor, "batch heads queries head_dim"]:
    """Return the empty result of attention without queries or sequences, with a gradient of 0 for all parameters."""
    parameters = (parameter for part in parts for parameter in part.parameters())
    return query[:, :heads] + sum(of.sum().to(query.dtype) for of in (key, value, *parameters))


def heads_of(vectors: Float[Tensor, "batch kv_heads keys *_"], heads: int) -> Float[Tensor, "batch heads keys *_"]:
    """Repeat keys or values so that each query head has its own."""
    group = heads // vectors.shape[1]
    return vectors if group == 1 else vectors.repeat_interleave(group, dim=1)
