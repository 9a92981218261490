"""The base class of weights parts, which turn scores into weights and attend."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from lengthwise.attention.cache import LayerCache
from lengthwise.attention.call import Call
from lengthwise.attention.layout import Layout
from lengthwise.attention.part import Part
from lengthwise.attention.parts.sizes import Sizes
from lengthwise.attention.rows import in_blocks_of_rows
from lengthwise.attention.traits import WeightsTraits
from lengthwise.errors import InputError
from lengthwise.ops import native
from lengthwise.ops.modes import beyond_backward
from lengthwise.options import Value
from lengthwise.registry import unknown


class Weights(Part):
    """Base of the weights parts, built from :class:`Sizes`, a backend's name and a dropout probability.

    A part defines :meth:`of_scores`, or :meth:`probabilities` if its weights do not come from scores alone. A part with
    a faster way to attend overrides :meth:`forward`.
    """

    traits: ClassVar[WeightsTraits] = WeightsTraits()
    strict = False
    """True if a query sees only the keys before its own."""

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(**options)
        if backend not in self.traits.backends:
            raise InputError(unknown(f"backend of {type(self).__name__}", backend, self.traits.backends))
        self.backend = backend
        self.dropout = dropout

    def associate(
        self,
        key: Float[Tensor, "batch kv_heads new head_dim"],
        value: Float[Tensor, "batch kv_heads new head_dim"],
        layout: Layout,
        cache: LayerCache | None,
    ) -> tuple[Tensor, Tensor]:
        """Mix the keys and values of new tokens with those of their neighbours; by default, return them unchanged.

        Self-attention calls this before :meth:`prepare`. What later tokens need of these, a part adds to the cache.
        """
        return key, value

    def prepare(
        self,
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads keys head_dim"],
        value: Float[Tensor, "batch kv_heads keys head_dim"],
    ) -> tuple[Tensor, Tensor]:
        """Transform queries and keys before the position part receives them; by default, return them unchanged.

        ``value`` holds the values of the same tokens as ``key``. The cache keeps the transformed keys.
        """
        return query, key

    def sharpen(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Scale queries to sharpen or flatten the scores; by default, return them unchanged."""
        return call.query

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights from the scores of sharpened queries, minus infinity where a key is hidden."""
        raise NotImplementedError

    def probabilities(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights of all queries of the call at once, 0 at hidden keys."""
        query = self.sharpen(call)
        sharpened = call if query is call.query else replace(call, query=query)
        return self.of_scores(sharpened.scores(), sharpened)

    def newest(self, call: Call) -> Float[Tensor, "batch heads 1 keys"]:
        """Compute the weights of the last query alone."""
        return self.probabilities(call.rows(call.layout.queries - 1, call.layout.queries))

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values; dropout acts on the weights, in training only."""

        def block(start: int, stop: int) -> Tensor:
            rows = call.rows(start, stop)
            return rows.attend(self.dropped(self.probabilities(rows)))

        if self.backend == "reference":
            return block(0, call.layout.queries)
        return in_blocks_of_rows(block, call.layout, self.row_entries(call))

    def walks(self, call: Call) -> bool:
        """Return True if the compiled walk over the keys can attend: for the last tokens, causally, without dropout."""
        layout = call.layout
        return (
            native.takes(call.query)  # first: a compiler must not see a comparison of sizes
            and self.backend != "reference"
            and not (self.training and self.dropout)
            and (layout.causal and not layout.cross and layout.later == 0)
            and call.value.shape == call.key.shape
            and (layout.documents is None or layout.documents.dtype != torch.bool)
            and not beyond_backward(call.query, call.key, call.value)
        )

    def row_entries(self, call: Call) -> int:
        """Return how many entries one row of a block holds at a time."""
        batch, heads = call.query.shape[:2]
        return batch * heads * call.layout.keys

    def watched_by(self, look: Callable[[Call], None]) -> RemovableHandle:
        """Show ``look`` every call before this part attends, until the handle is removed or left as a context."""
        return self.register_forward_pre_hook(lambda _, arguments: look(*arguments))

    def dropped(self, weights: Tensor) -> Tensor:
        """Apply dropout to the weights, in training only."""
        return F.dropout(weights, self.dropout, self.training) if self.dropout else weights
