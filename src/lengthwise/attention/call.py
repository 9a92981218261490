"""One call of an attention layer, as its parts see it."""

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.cache import LayerCache
from lengthwise.attention.layout import Layout
from lengthwise.attention.precision import in_float32


@runtime_checkable
class ScoreBias(Protocol):
    """What a position part adds to the scores of a call."""

    @property
    def depends_on_scores(self) -> bool:
        """True if the bias is not known before the scores."""

    @property
    def learned(self) -> bool:
        """True if the bias has parameters that are trained."""

    def applies(self, call: "Call") -> bool:
        """True if there is something to add to the scores of this call."""

    def of(self, call: "Call") -> Float[Tensor, "#batch heads queries keys"]:
        """Compute what is added to the scaled scores; that of hidden keys does not matter."""


@dataclass(frozen=True)
class Call:
    """Queries, and the keys and values that they may look at. Some rows of a call are a call."""

    hidden: Float[Tensor, "batch queries dim"]
    """The layer's input, of the queries."""
    query: Float[Tensor, "batch heads queries head_dim"]
    key: Float[Tensor, "batch kv_heads keys head_dim"]
    value: Float[Tensor, "batch value_heads keys width"]
    """With heads of their own number and width where the weights split those of queries and keys."""
    layout: Layout
    bias: ScoreBias | None = None
    """What is added to the scores; None where nothing ever is."""
    tracked: Float[Tensor, "batch heads keys"] | None = None
    """What the bias tracks of every token."""
    cache: LayerCache | None = None
    """Where a part keeps what it carries from one call to the next."""

    def rows(self, start: int, stop: int) -> "Call":
        """Queries ``start`` to ``stop`` alone, with the keys they can see."""
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
    def products(self) -> Float[Tensor, "batch heads queries keys"]:
        """``q k / sqrt(head_dim)`` in float32 or better, of hidden keys too."""
        if "_products" not in self.__dict__:  # no cached_property, whose lock torch cannot compile
            query, key = in_float32(self.query), in_float32(heads_of(self.key, self.query.shape[1]))
            self.__dict__["_products"] = (query / query.shape[-1] ** 0.5) @ key.mT
        return self.__dict__["_products"]

    def scores(self) -> Float[Tensor, "batch heads queries keys"]:
        """The products with the bias, and minus infinity where a key is hidden."""
        scores = self.products + (0 if self.bias is None or not self.biased else self.bias.of(self))
        return scores.masked_fill_(~self.layout.visible(), -torch.inf)

    def rounding(self, scores: Float[Tensor, "batch heads queries keys"]) -> Float[Tensor, "batch heads queries keys"]:
        """How far rounding may have moved each score, so that keys which are equally high can be told as such.

        The scores of equal keys are not equal to the last bit: where in a matrix a product stands decides how it is
        added up. The bound is that of a product of rounded vectors, with room for what earlier layers did to them.
        """
        unit = 32 * torch.finfo(scores.dtype).eps + 2 * torch.finfo(self.key.dtype).eps
        query, key = (in_float32(vectors.detach()).norm(dim=-1) for vectors in (self.query, self.key))
        products = (unit * query / self.query.shape[-1] ** 0.5)[..., None] * heads_of(key, query.shape[1])[:, :, None]
        return scores.detach().masked_fill(scores == -torch.inf, 0).abs().mul_(unit).add_(products)

    def attend(self, weights: Float[Tensor, "batch heads queries keys"]) -> Float[Tensor, "batch heads queries width"]:
        """The values, added up with these weights."""
        return weights.to(self.value.dtype) @ heads_of(self.value, weights.shape[1])


def of_nothing(
    query: Tensor, key: Tensor, value: Tensor, *parts: nn.Module
) -> Float[Tensor, "batch heads queries head_dim"]:
    """What queries attend to where there are none: empty, and of a gradient of 0 for all that attention is made of."""
    parameters = (parameter for part in parts for parameter in part.parameters())
    return query + sum(of.sum().to(query.dtype) for of in (key, value, *parameters))


def heads_of(vectors: Float[Tensor, "batch kv_heads keys *_"], heads: int) -> Float[Tensor, "batch heads keys *_"]:
    """Keys or values, one for each head of the queries."""
    group = heads // vectors.shape[1]
    return vectors if group == 1 else vectors.repeat_interleave(group, dim=1)
