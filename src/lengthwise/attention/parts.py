"""What the three parts of a mechanism promise, and what the multi-head module hands them.

*Position* says where tokens stand: it turns queries and keys, or adds a bias to the scores. *Weights* turns scores into
weights and attends. *Output* treats the attended values. Each part is a module of its own file; the base class of each
kind is also its plainest member: no position, no treatment of the output.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, cast, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lengthwise.errors import InputError
from lengthwise.registry import unknown

Placement = Literal["width", "heads", "projected"]
"""Of an output part: before the output projection, over all heads side by side or head by head, or after it."""


def read_placement(name: str) -> tuple[str, Placement | None]:
    """A part's name and its place, as in ``layer-norm@heads``; None where no place is named.

    Raises:
        InputError: for a place that does not exist.
    """
    part, at, placement = name.partition("@")
    if at and placement not in get_args(Placement):
        raise InputError(unknown("placement", placement, get_args(Placement)))
    return part, cast(Placement, placement) if at else None


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


SCORES_AT_ONCE = 2**24
"""Entries of weights, masks or biases held at a time: 64 MiB in float32."""


class Weights(nn.Module):
    """Base of the weights parts. Built from :class:`Sizes`, a backend's name and a dropout probability.

    A part defines :meth:`probabilities`; one that knows a faster way to attend than by them overrides :meth:`forward`.
    """

    takes_bias = True
    """Whether a position part may add a bias to the scores."""
    by_products = True
    """Whether keys matter through their products with queries alone."""
    trained_as: ClassVar[str | None] = None
    """Name of the part that this one is while it is trained, where it differs at inference only."""
    backends: ClassVar[tuple[str, ...]] = ("auto", "reference")
    """Ways to compute it; "reference" attends by :meth:`probabilities` and defines the result."""

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0) -> None:
        super().__init__()
        if backend not in self.backends:
            raise InputError(unknown(f"backend of {type(self).__name__}", backend, self.backends))
        self.backend = backend
        self.dropout = dropout

    def prepare(
        self,
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads queries head_dim"],
    ) -> tuple[Tensor, Tensor]:
        """Queries and keys as this mechanism wants them, before the position part sees them."""
        return query, key

    def probabilities(
        self,
        hidden: Float[Tensor, "batch queries dim"],
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads keys head_dim"],
        layout: Layout,
        position: Position,
    ) -> Float[Tensor, "batch heads queries keys"]:
        """The weights themselves, all at once; of hidden keys 0. ``hidden`` is the layer's input for the queries."""
        raise NotImplementedError

    def forward(
        self,
        hidden: Float[Tensor, "batch queries dim"],
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads keys head_dim"],
        value: Float[Tensor, "batch kv_heads keys head_dim"],
        layout: Layout,
        position: Position,
    ) -> Float[Tensor, "batch heads queries head_dim"]:
        """The attended values; dropout acts on the weights, in training only."""
        dropout = self.dropout if self.training else 0.0

        def block(start: int, stop: int) -> Tensor:
            rows = layout.rows(start, stop)
            weights = self.probabilities(
                hidden[:, start:stop], query[:, :, start:stop], key[:, :, : rows.keys], rows, position
            )
            return F.dropout(weights.to(value.dtype), dropout) @ heads_of(value[:, :, : rows.keys], query.shape[1])

        at_once = query.shape[0] * query.shape[1] * layout.keys
        return in_blocks_of_rows(
            block, layout.queries, layout.queries if self.backend == "reference" else SCORES_AT_ONCE // at_once
        )


def scores(query: Tensor, key: Tensor, layout: Layout, position: Position) -> Float[Tensor, "batch heads queries keys"]:
    """``q k / sqrt(head_dim) + bias`` in float32 or better, and minus infinity where a key is hidden."""
    compute = torch.promote_types(query.dtype, torch.float32)
    products = query.to(compute) @ heads_of(key, query.shape[1]).to(compute).transpose(-1, -2)
    scaled = products / query.shape[-1] ** 0.5
    if position.biased:
        scaled = scaled + position.bias(layout)
    return scaled.masked_fill(~layout.visible(), -torch.inf)


def heads_of(
    vectors: Float[Tensor, "batch kv_heads keys head_dim"], heads: int
) -> Float[Tensor, "batch heads keys head_dim"]:
    """Keys or values, one for each head of the queries."""
    group = heads // vectors.shape[1]
    return vectors if group == 1 else vectors.repeat_interleave(group, dim=1)


def in_blocks_of_rows(block: Callable[[int, int], Tensor], queries: int, rows: int) -> Tensor:
    """``block(start, stop)`` for all queries, at least 16 at a time; without keeping anything for the backward pass."""
    rows = max(16, rows)
    if rows >= queries:
        return block(0, queries)
    outputs = []
    for start in range(0, queries, rows):
        stop = min(start + rows, queries)
        # Without checkpointing, autograd would keep the mask of every block until the backward pass.
        outputs.append(
            checkpoint(block, start, stop, use_reentrant=False) if torch.is_grad_enabled() else block(start, stop)
        )
    return torch.cat(outputs, dim=2)


class Output(nn.Module):
    """The attended values as they are.

    Base of the output parts. Each is built from the shape of what it learns, whose last number is that of the
    components it treats together: ``(width,)`` over all heads side by side, ``(heads, head_dim)`` head by head.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()

    def forward(self, attended: Float[Tensor, "*rows components"]) -> Float[Tensor, "*rows components"]:
        """Attended values, treated; the last axes are those of the part's shape."""
        return attended
