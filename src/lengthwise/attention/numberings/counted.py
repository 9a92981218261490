"""The default numbering: tokens are counted."""

from jaxtyping import Int
from torch import Tensor

from lengthwise.attention.parts import Numbering
from lengthwise.attention.traits import NumberingTraits


class Counted(Numbering):
    """Tokens are counted from the start of their document."""

    traits = NumberingTraits(evidence="ours")

    def forward(
        self, counted: Int[Tensor, "#batch tokens"], marks: Int[Tensor, "batch tokens"] | None
    ) -> Int[Tensor, "#batch tokens"]:
        """Return the index of each token in its document."""
        return counted
