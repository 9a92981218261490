"""The base classes of a mechanism's parts, and the sizes that parts are built from.

*Position* encodes where tokens stand: it changes the embeddings, turns queries and keys, or adds a bias to the scores.
*Weights* turns scores into weights and attends. *Output* treats the attended values. *Numbering* gives each token its
number before the other parts act. Each part is a module in its own file; the file and the class carry the part's name.

A part declares its options, such as the base of its rotations, in a class ``Options`` (:mod:`lengthwise.options`). It
takes options by keyword, and keeps them as ``options``. It declares the uses that it supports, and the properties of
its result, as ``traits`` (:mod:`lengthwise.attention.traits`). :class:`~lengthwise.attention.part.Part`
explains how a part names the model that has to be trained before it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from lengthwise.attention.cache import LayerCache
from lengthwise.attention.call import Call
from lengthwise.attention.layout import Layout
from lengthwise.attention.part import Part
from lengthwise.attention.rows import in_blocks_of_rows
from lengthwise.attention.traits import NumberingTraits, OutputTraits, PositionTraits, WeightsTraits
from lengthwise.errors import InputError
from lengthwise.ops import native
from lengthwise.ops.curve import Curve
from lengthwise.ops.modes import beyond_backward
from lengthwise.options import Value
from lengthwise.registry import unknown


@dataclass(frozen=True)
class Sizes:
    """The sizes that a part is built from: the widths of an attention layer, and the lengths of sequences."""

    dim: int
    heads: int
    kv_heads: int
    head_dim: int
    layer: int = 0
    """Index of the layer, from 0."""
    context: int | None = None
    """Length of a training sequence, if known [tokens]."""
    reach: int | None = None
    """Length of the longest sequence that the model has to process, if known [tokens]."""
    marks: int | None = None
    """Largest mark of a token in the longest sequence, if known."""

    def need(self, name: Literal["context", "reach", "marks"], part: str) -> int:
        """Return a size that ``part`` needs.

        Raises:
            InputError: if the size is not known.
        """
        known = getattr(self, name)
        if known is None:
            told = {
                "context": "how long training sequences are, in tokens",
                "reach": "how long the longest sequence will be, in tokens",
                "marks": "how large the marks of the longest sequence will be",
            }
            raise InputError(f"{part!r} needs to know {told[name]}; pass {name}=.")
        return int(known)


class Position(Part):
    """Base of the position parts, each built from :class:`Sizes`."""

    traits: ClassVar[PositionTraits] = PositionTraits()

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(**options)


class Embedding(Position):
    """Base of the position parts that change the token embeddings."""

    def embed(
        self, stream: Float[Tensor, "batch tokens dim"], positions: Int[Tensor, "#batch tokens"]
    ) -> Float[Tensor, "batch tokens dim"]:
        """Add the positions to the token embeddings, once, before the first layer."""
        raise NotImplementedError


class Rotation(Position):
    """Base of the position parts that turn queries and keys."""

    def turn(
        self,
        query: Float[Tensor, "batch heads tokens head_dim"],
        key: Float[Tensor, "batch kv_heads tokens head_dim"],
        positions: Int[Tensor, "#batch tokens"],
    ) -> tuple[Tensor, Tensor]:
        """Turn queries and keys by their positions; the cache holds turned keys."""
        raise NotImplementedError


class Bias(Position):
    """Base of the position parts that add a bias to the scores: a :class:`~lengthwise.attention.call.ScoreBias`."""

    @property
    def depends_on_scores(self) -> bool:
        """True if the bias cannot be computed before the scores."""
        return self.traits.depends_on_scores

    @property
    def learned(self) -> bool:
        """True if the bias has parameters that are trained."""
        return any(parameter.requires_grad for parameter in self.parameters())

    def applies(self, call: Call) -> bool:
        """True if the bias changes the scores of this call."""
        return True

    def track(self, hidden: Float[Tensor, "batch tokens dim"]) -> Float[Tensor, "batch heads tokens"] | None:
        """Compute the number per token and head that the bias depends on, if any; the cache holds it."""
        return None

    def log_forget(self, call: Call) -> Float[Tensor, "batch heads keys"] | None:
        """Return one number for each key and head, if the bias is the sum of these between key and query, else None."""
        return None

    def by_distance(self, call: Call) -> Float[Tensor, "heads keys"] | None:
        """Return the bias at the distances from 0 to ``keys - 1``, if it depends on the distance alone, else None."""
        return None

    def curve(self, call: Call) -> Curve | None:
        """Return the bias as a function of relative distance, if it is one for each head, else None."""
        return None

    def of(self, call: Call) -> Float[Tensor, "#batch heads queries keys"]:
        """Compute the bias that is added to the scaled scores; its values at hidden keys do not matter."""
        raise NotImplementedError


class Numbering(Part):
    """Base of the numbering parts, built from :class:`Sizes`: each gives tokens their numbers for the position part."""

    traits: ClassVar[NumberingTraits] = NumberingTraits()

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(**options)

    def numbers(self, sizes: Sizes) -> int | None:
        """Return how many different numbers occur in training; None if this is not known."""
        return sizes.context

    def check(self, tokens: int, mark: int | None) -> None:
        """Refuse a sequence of ``tokens`` tokens, whose largest mark is ``mark``, if there are no numbers for it.

        Raises:
            InputError: if there are no numbers for the sequence.
        """

    def forward(
        self, counted: Int[Tensor, "#batch tokens"], marks: Int[Tensor, "batch tokens"] | None
    ) -> Int[Tensor, "#batch tokens"]:
        """Return the number of every token; ``counted`` is the token's index in its document."""
        raise NotImplementedError

    def next_marks(
        self,
        stream: Float[Tensor, "*tokens dim"],
        numbers: Int[Tensor, "*tokens"],
        marks: Int[Tensor, "*tokens"] | None,
    ) -> Float[Tensor, "*tokens marks"] | None:
        """Compute the logits of each next token's mark from ``stream``; None if this part predicts no marks."""
        return None


class Weights(Part):
    """Base of the weights parts, built from :class:`Sizes`, a backend's name and a dropout probability.

    A part defines :meth:`of_scores`, or :meth:`probabilities` if its weights do not come from scores alone. A part with
    a faster way to attend overrides :meth:`forward`.
    """

    traits: ClassVar[WeightsTraits] = WeightsTraits()

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


class Output(Part):
    """Base of the output parts.

    Each is built from the shape of its parameters and from the width of the layer's input. The last number of the shape
    counts the components that the part treats together: ``(width,)`` over all heads side by side, ``(heads, head_dim)``
    head by head.
    """

    traits: ClassVar[OutputTraits] = OutputTraits()

    def __init__(self, shape: tuple[int, ...], dim: int, **options: Value) -> None:
        super().__init__(**options)

    def forward(
        self, attended: Float[Tensor, "*rows components"], hidden: Float[Tensor, "*tokens dim"] | None = None
    ) -> Float[Tensor, "*rows components"]:
        """Treat attended values, whose last axes are those of the part's shape; ``hidden`` is the layer's input."""
        raise NotImplementedError
