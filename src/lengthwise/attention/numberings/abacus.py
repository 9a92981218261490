"""Abacus embeddings: a digit's number is its place in its own number (arXiv 2405.17399).

Abacus is position coupling, except that tokens other than digits stay at 0 whatever the start. With the position part
``learned``, the numbering gives the paper's embeddings.
"""

from jaxtyping import Int
from torch import Tensor

from lengthwise.attention.numberings.coupled import Coupled
from lengthwise.attention.traits import NumberingTraits


class Abacus(Coupled):
    """The task's marks, shifted by a random start in training, and 0 for tokens without a mark (arXiv 2405.17399).

    The start is any number that leaves room for the marks; the authors' start lies below 100.
    """

    traits = NumberingTraits(evidence="third-party", reads_marks=True)

    def forward(
        self, counted: Int[Tensor, "#batch tokens"], marks: Int[Tensor, "batch tokens"] | None
    ) -> Int[Tensor, "#batch tokens"]:
        """Return the marks plus the start, and 0 where the mark is 0."""
        assert marks is not None
        return (marks + self.start(marks)) * (marks > 0)
