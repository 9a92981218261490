"""What the parts of a mechanism promise, and what they are built from.

*Position* says where tokens stand: it turns queries and keys, or adds a bias to the scores. *Weights* turns scores into
weights and attends. *Output* treats the attended values. And *numbering*, before all of them, says which number a token
has. Each part is a module of its own file; the base class of each kind but the weights is also its plainest member: no
position, no treatment of the output, tokens counted one by one.

What can be chosen about a part, such as the base of its rotations, it declares in a class ``Options``
(:mod:`lengthwise.options`). It takes options by keyword, and keeps them as ``options``.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.rows import in_blocks_of_rows
from lengthwise.errors import InputError
from lengthwise.options import BaseOptions, Value
from lengthwise.registry import unknown

Evidence = Literal["code", "paper", "third-party", "memory", "ours"]
"""How a formula is known: from its authors' code, from the paper's text, from someone else's code, from memory alone
(check it before you build on it), or because it is this project's own."""

PositionRoute = Literal["none", "embedding", "turn", "bias", "scores"]
"""What a position part acts on: nothing, the token embeddings, queries and keys, or the scores, by a bias that is known
before them (bias) or depends on them (scores)."""
WeightsRoute = Literal["fused", "kernel", "scores", "linear"]
"""How a weights part attends: by torch's fused routine, by an operator of this library, by the scores, in blocks of
rows, or in time linear in the number of tokens."""


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


class Position(nn.Module):
    """No position encoding: order reaches the model through the causal mask alone (arXiv 2305.19466).

    Base of the position parts, each built from :class:`Sizes`.
    """

    evidence: ClassVar[Evidence] = "paper"
    route: ClassVar[PositionRoute] = "none"
    sparse: ClassVar[bool] = False
    """Whether it hides keys that the causal mask lets through, or takes so much off that their weight is 0."""
    trained_as: ClassVar[str | None] = None
    """Name of the part whose trained weights this one is used with, where an experiment is to train that one."""
    taught_by: ClassVar[str | None] = None
    """Name of the part that a model is trained with first, where this one is calibrated on what that model does."""

    class Options(BaseOptions):
        """No options."""

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__()
        self.options = self.Options.choose(self, options)

    def biased(self, call: Call) -> bool:
        """Whether :meth:`bias` adds to the scores of a call."""
        return self.route in ("bias", "scores")

    def embed(
        self, stream: Float[Tensor, "batch tokens dim"], positions: Int[Tensor, "#batch tokens"]
    ) -> Float[Tensor, "batch tokens dim"]:
        """Token embeddings with their position worked in, once, before the first layer; of route embedding."""
        return stream

    def turn(
        self,
        query: Float[Tensor, "batch heads tokens head_dim"],
        key: Float[Tensor, "batch kv_heads tokens head_dim"],
        positions: Int[Tensor, "#batch tokens"],
    ) -> tuple[Tensor, Tensor]:
        """Queries and keys with their position worked in; the cache holds keys after this."""
        return query, key

    def track(self, hidden: Float[Tensor, "batch tokens dim"]) -> Float[Tensor, "batch heads tokens"] | None:
        """A number of every token, head by head, that the bias depends on; the cache holds it."""
        return None

    def bias(self, call: Call) -> Float[Tensor, "#batch heads queries keys"]:
        """What is added to the scaled scores, where ``biased``; that of hidden keys does not matter."""
        raise NotImplementedError


class Numbering(nn.Module):
    """Tokens are counted from the start of their document.

    Base of the numbering parts, each built from :class:`Sizes`: which number a token has, for the position part.
    """

    evidence: ClassVar[Evidence] = "ours"
    reads_marks: ClassVar[bool] = False
    """Whether it needs marks: numbers that say which tokens of a sequence belong together, which a task knows."""

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
        return counted

    def next_marks(
        self,
        stream: Float[Tensor, "*tokens dim"],
        numbers: Int[Tensor, "*tokens"],
        marks: Int[Tensor, "*tokens"] | None,
    ) -> Float[Tensor, "*tokens marks"] | None:
        """Logits of the mark of the token that follows each, where this part predicts it; a head reads ``stream``."""
        return None


class Weights(nn.Module):
    """Base of the weights parts. Built from :class:`Sizes`, a backend's name and a dropout probability.

    A part defines :meth:`of_scores`, or :meth:`probabilities` where scores are not the beginning of it; one that knows
    a faster way to attend than by them overrides :meth:`forward`.
    """

    evidence: ClassVar[Evidence] = "paper"
    route: ClassVar[WeightsRoute] = "scores"
    causal: ClassVar[bool] = True
    """Whether it can be kept from looking ahead; what cannot serves encoders only."""
    bidirectional: ClassVar[bool] = True
    """Whether it can look ahead."""
    takes_bias: ClassVar[bool] = True
    """Whether a position part may add a bias to the scores."""
    orderless: ClassVar[bool] = True
    """Whether the order of keys makes no difference where no position part says otherwise."""
    normalised: ClassVar[bool] = True
    """Whether the weights of a query sum to 1."""
    sparse: ClassVar[bool] = False
    """Whether visible keys can have a weight of exactly 0, or a gradient of 0."""
    jumps: ClassVar[bool] = False
    """Whether a small change of the scores can change the weights by much, so that rounding shows."""
    by_products: ClassVar[bool] = True
    """Whether keys matter through their products with queries alone."""
    trained_as: ClassVar[str | None] = None
    """Name of the part whose trained weights this one is used with, where an experiment is to train that one."""
    backends: ClassVar[tuple[str, ...]] = ("auto", "reference")
    """Ways to compute it; "reference" attends by :meth:`probabilities` and defines the result."""

    class Options(BaseOptions):
        """No options."""

    options: Options

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__()
        self.options = self.Options.choose(self, options)
        if backend not in self.backends:
            raise InputError(unknown(f"backend of {type(self).__name__}", backend, self.backends))
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


class Output(nn.Module):
    """The attended values as they are.

    Base of the output parts. Each is built from the shape of what it learns, whose last number is that of the
    components it treats together: ``(width,)`` over all heads side by side, ``(heads, head_dim)`` head by head; and
    from the width of the layer's input.
    """

    evidence: ClassVar[Evidence] = "paper"
    reads_input: ClassVar[bool] = False
    """Whether it depends on the layer's input, too."""
    by_head: ClassVar[bool] = False
    """Whether it treats head by head wherever nothing is said, and can do nothing else."""

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
        return attended
