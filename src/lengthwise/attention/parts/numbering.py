"""The base class of numbering parts, which give each token its number before the other parts act."""

from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.attention.part import Part
from lengthwise.attention.parts.sizes import Sizes
from lengthwise.attention.traits import NumberingTraits
from lengthwise.options import Value


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
