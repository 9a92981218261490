"""What the three parts of a mechanism promise, and what the multi-head module hands them.

*Position* says where tokens stand: it turns queries and keys, or adds a bias to the scores. *Weights* turns scores into
weights and attends. *Output* treats the attended values. Each part is a module of its own file; the base class of each
kind is also its plainest member: no position, no treatment of the output.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


@dataclass(frozen=True)
class Sizes:
    """Widths of one attention layer, what a part is built from."""

    dim: int
    heads: int
    kv_heads: int
    head_dim: int


@dataclass(frozen=True)
class Layout:
    """Where the queries and the keys of a call stand. The queries are the last of the keys.

    ``key_documents`` is None where all tokens of a sequence belong together; documents are contiguous runs of equal
    ids. Positions are worked out when they are asked for: a decoding step seldom needs those of all keys.
    """

    queries: int
    keys: int
    key_documents: Int[Tensor, "batch keys"] | None
    device: torch.device

    @property
    def key_positions(self) -> Int[Tensor, "#batch keys"]:
        """Positions of the keys, cached ones included, counted from the start of each one's document."""
        index = torch.arange(self.keys, device=self.device)[None]
        if self.key_documents is None:
            return index
        begins = torch.ones_like(self.key_documents, dtype=torch.bool)
        begins[:, 1:] = self.key_documents[:, 1:] != self.key_documents[:, :-1]
        return index - (index * begins).cummax(-1).values

    @property
    def query_positions(self) -> Int[Tensor, "#batch queries"]:
        """Positions of the queries."""
        if self.key_documents is None:
            return torch.arange(self.keys - self.queries, self.keys, device=self.device)[None]
        return self.key_positions[:, self.keys - self.queries :]

    def rows(self, start: int, stop: int) -> "Layout":
        """The layout of queries ``start`` to ``stop`` alone, with the keys they can see."""
        keys = self.keys - self.queries + stop
        documents = None if self.key_documents is None else self.key_documents[:, :keys]
        return Layout(stop - start, keys, documents, self.device)

    def visible(self) -> Bool[Tensor, "#batch 1 queries keys"]:
        """Which keys a query may look at: earlier ones and itself, of its own document."""
        index = torch.arange(self.keys, device=self.device)
        causal = index[self.keys - self.queries :, None] >= index
        if self.key_documents is None:
            return causal[None, None]
        same = self.key_documents[:, self.keys - self.queries :, None] == self.key_documents[:, None, :]
        return (causal & same)[:, None]


class Position(nn.Module):
    """No position encoding: order reaches the model through the causal mask alone (arXiv 2305.19466).

    Base of the position parts, each built from :class:`Sizes`.
    """

    biased = False
    """Whether :meth:`bias` adds to the scores; weights that cannot take a bias refuse such a part."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()

    def turn(
        self, vectors: Float[Tensor, "batch heads tokens head_dim"], positions: Int[Tensor, "#batch tokens"]
    ) -> Float[Tensor, "batch heads tokens head_dim"]:
        """Queries or keys with their position worked in; the cache holds keys after this."""
        return vectors

    def bias(self, layout: Layout) -> Float[Tensor, "#batch heads queries keys"]:
        """What is added to the scaled scores, where ``biased``."""
        raise NotImplementedError


class Weights(nn.Module):
    """Base of the weights parts. Built from :class:`Sizes`, a backend's name and a dropout probability."""

    takes_bias = True
    """Whether a position part may add a bias to the scores."""

    def prepare(
        self,
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads queries head_dim"],
    ) -> tuple[Tensor, Tensor]:
        """Queries and keys as this mechanism wants them, before the position part sees them."""
        return query, key

    def forward(
        self,
        hidden: Float[Tensor, "batch queries dim"],
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads keys head_dim"],
        value: Float[Tensor, "batch kv_heads keys head_dim"],
        layout: Layout,
        position: Position,
    ) -> Float[Tensor, "batch heads queries head_dim"]:
        """The attended values. ``hidden`` is the layer's input for the queries."""
        raise NotImplementedError


class Output(nn.Module):
    """The attended values as they are.

    Base of the output parts, each built from :class:`Sizes`. They stand before the output projection.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()

    def forward(self, attended: Float[Tensor, "batch queries width"]) -> Float[Tensor, "batch queries width"]:
        """The attended values of all heads side by side, ``width = heads * head_dim``, treated."""
        return attended
