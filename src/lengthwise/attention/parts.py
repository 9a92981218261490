"""What the parts of a mechanism promise, and what they are built from.

*Position* says where tokens stand: it changes the embeddings, turns queries and keys, or adds a bias to the scores.
*Weights* turns scores into weights and attends. *Output* treats the attended values. And *numbering*, before all of
them, says which number a token has. Each part is a module of its own file, and the file and the class carry the name by
which a mechanism names the part.

What can be chosen about a part, such as the base of its rotations, it declares in a class ``Options``
(:mod:`lengthwise.options`). It takes options by keyword, and keeps them as ``options``. What it can serve, and what is
true of it, it declares as ``traits`` (:mod:`lengthwise.attention.traits`). What has to be trained before it, it says as
:class:`~lengthwise.attention.part.Part` explains.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.part import Part
from lengthwise.attention.rows import in_blocks_of_rows
from lengthwise.attention.traits import NumberingTraits, OutputTraits, PositionTraits, WeightsTraits
from lengthwise.errors import InputError
from lengthwise.options import BaseOptions, Value
from lengthwise.registry import unknown


@dataclass(frozen=True)
class Sizes:
    """What a part is built from: the widths of an attention layer, and how far the model is to reach."""

    dim: int
    heads: int
    kv_heads: int
    head_dim: int
    layer: int = 0
    """Index of the layer, the first is 0."""
    context: int | None = None
    """Tokens of a training sequence, where known."""
    reach: int | None = None
    """Tokens of the longest sequence that the model has to hold, where known."""
    marks: int | None = None
    """The largest mark of a token in the longest sequence, where known."""

    def need(self, name: Literal["context", "reach", "marks"], part: str) -> int:
        """What ``part`` cannot be built without.

        Raises:
            InputError: where it is not known.
        """
        known = getattr(self, name)
        if known is None:
            told = {
                "context": "how long training sequences are, in tokens",
                "reach": "how long the longest sequence will be, in tokens",
                "marks": "how large the marks of the longest sequence will be",
            }
            raise InputError(f"{part!r} has to know {told[name]}; say so with {name}=.")
        return int(known)


class Position(Part):
    """Base of the position parts, each built from :class:`Sizes`."""

    traits: ClassVar[PositionTraits] = PositionTraits()

    class Options(BaseOptions):
        """No options."""

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__()
        self.options = self.Options.choose(self, options)


class Embedding(Position):
    """Base of the position parts that change the token embeddings."""

    def embed(
        self, stream: Float[Tensor, "batch tokens dim"], positions: Int[Tensor, "#batch tokens"]
    ) -> Float[Tensor, "batch tokens dim"]:
        """Work the positions into the token embeddings, once, before the first layer."""
        raise NotImplementedError


class Rotation(Position):
    """Base of the position parts that turn queries and keys."""

    def turn(
        self,
        query: Float[Tensor, "batch heads tokens head_dim"],
        key: Float[Tensor, "batch kv_heads tokens head_dim"],
        positions: Int[Tensor, "#batch tokens"],
    ) -> tuple[Tensor, Tensor]:
        """Work the positions into queries and keys; the cache holds keys after this."""
        raise NotImplementedError


class Bias(Position):
    """Base of the position parts that add to the scores: a :class:`~lengthwise.attention.call.ScoreBias`."""

    @property
    def depends_on_scores(self) -> bool:
        """True if the bias is not known before the scores."""
        return self.traits.depends_on_scores

    @property
    def learned(self) -> bool:
        """True if the bias has parameters that are trained."""
        return any(parameter.requires_grad for parameter in self.parameters())

    def applies(self, call: Call) -> bool:
        """True if there is something to add to the scores of this call."""
        return True

    def track(self, hidden: Float[Tensor, "batch tokens dim"]) -> Float[Tensor, "batch heads tokens"] | None:
        """Compute a number of every token, head by head, that the bias depends on; the cache holds it."""
        return None

    def of(self, call: Call) -> Float[Tensor, "#batch heads queries keys"]:
        """Compute what is added to the scaled scores; that of hidden keys does not matter."""
        raise NotImplementedError


class Numbering(Part):
    """Base of the numbering parts, each built from :class:`Sizes`: which number a token has, for the position part."""

    traits: ClassVar[NumberingTraits] = NumberingTraits()

    class Options(BaseOptions):
        """No options."""

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__()
        self.options = self.Options.choose(self, options)

    def numbers(self, sizes: Sizes) -> int | None:
        """How many different numbers there are while the model is trained; None where that is not known."""
        return sizes.context

    def check(self, tokens: int, mark: int | None) -> None:
        """Refuse a sequence of so many tokens, whose largest mark is ``mark``, where there are no numbers for it.

        Raises:
            InputError: if that is so.
        """

    def forward(
        self, counted: Int[Tensor, "#batch tokens"], marks: Int[Tensor, "batch tokens"] | None
    ) -> Int[Tensor, "#batch tokens"]:
        """The number of every token; ``counted`` is its index in its document."""
        raise NotImplementedError

    def next_marks(
        self,
        stream: Float[Tensor, "*tokens dim"],
        numbers: Int[Tensor, "*tokens"],
        marks: Int[Tensor, "*tokens"] | None,
    ) -> Float[Tensor, "*tokens marks"] | None:
        """Logits of the mark of the token that follows each, where this part predicts it; a head reads ``stream``."""
        return None


class Weights(Part):
    """Base of the weights parts. Built from :class:`Sizes`, a backend's name and a dropout probability.

    A part defines :meth:`of_scores`, or :meth:`probabilities` where scores are not the beginning of it; one that knows
    a faster way to attend than by them overrides :meth:`forward`.
    """

    traits: ClassVar[WeightsTraits] = WeightsTraits()

    class Options(BaseOptions):
        """No options."""

    options: Options

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__()
        self.options = self.Options.choose(self, options)
        if backend not in self.traits.backends:
            raise InputError(unknown(f"backend of {type(self).__name__}", backend, self.traits.backends))
        self.backend = backend
        self.dropout = dropout

    def prepare(
        self,
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads keys head_dim"],
    ) -> tuple[Tensor, Tensor]:
        """Queries and keys as this mechanism wants them, before the position part sees them."""
        return query, key

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Weights of scores, which are minus infinity where a key is hidden."""
        raise NotImplementedError

    def probabilities(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """The weights of all the call's queries, at once; of hidden keys 0."""
        return self.of_scores(call.scores(), call)

    def newest(self, call: Call) -> Float[Tensor, "batch heads 1 keys"]:
        """The weights of the last query alone."""
        return self.probabilities(call.rows(call.layout.queries - 1, call.layout.queries))

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """The attended values; dropout acts on the weights, in training only."""

        def block(start: int, stop: int) -> Tensor:
            rows = call.rows(start, stop)
            return rows.attend(self.dropped(self.probabilities(rows)))

        if self.backend == "reference":
            return block(0, call.layout.queries)
        return in_blocks_of_rows(block, call.layout, self.row_entries(call))

    def row_entries(self, call: Call) -> int:
        """How much one row of a block holds at a time."""
        batch, heads = call.query.shape[:2]
        return batch * heads * call.layout.keys

    def dropped(self, weights: Tensor) -> Tensor:
        """Weights, in training some of them dropped."""
        return F.dropout(weights, self.dropout, self.training) if self.dropout else weights


class Output(Part):
    """Base of the output parts.

    Each is built from the shape of what it learns, whose last number is that of the
    components it treats together: ``(width,)`` over all heads side by side, ``(heads, head_dim)`` head by head; and
    from the width of the layer's input.
    """

    traits: ClassVar[OutputTraits] = OutputTraits()

    class Options(BaseOptions):
        """No options."""

    options: Options

    def __init__(self, shape: tuple[int, ...], dim: int, **options: Value) -> None:
        super().__init__()
        self.options = self.Options.choose(self, options)

    def forward(
        self, attended: Float[Tensor, "*rows components"], hidden: Float[Tensor, "*tokens dim"] | None = None
    ) -> Float[Tensor, "*rows components"]:
        """Attended values, treated; the last axes are those of the part's shape. ``hidden`` is the layer's input."""
        raise NotImplementedError
