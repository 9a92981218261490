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

    One start is drawn for a whole batch, as in the authors' code. Here the start is any number that leaves room for the
    marks of the batch in the longest sequence's numbers; the authors draw from 0 to 99, and have 1,024 numbers.
    """

    traits = NumberingTraits(evidence="code", reads_marks=True)

    def forward(
        self, counted: Int[Tensor, "#batch tokens"], marks: Int[Tensor, "batch tokens"] | None
    ) -> Int[Tensor, "#batch tokens"]:
        """Return the marks plus the start, and 0 where the mark is 0."""
        assert marks is not None
        return (marks + self.start(marks.flatten()[None])) * (marks > 0)
