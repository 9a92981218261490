"""Abacus embeddings: a digit's number is its place in its own number (arXiv 2405.17399).

As position coupling, except that what is not a digit stays at 0 whatever the start. With the position part ``learned``
these are the paper's embeddings.
"""

from jaxtyping import Int
from torch import Tensor

from lengthwise.attention.numberings.coupled import Coupled
from lengthwise.attention.traits import NumberingTraits


class Abacus(Coupled):
    """The task's marks, where there are any from a random start on in training, and 0 elsewhere (arXiv 2405.17399).

    The start lies anywhere that leaves room for the marks; the authors' lies below 100.
    """

    traits = NumberingTraits(evidence="third-party", reads_marks=True)

    def forward(
        self, counted: Int[Tensor, "#batch tokens"], marks: Int[Tensor, "batch tokens"] | None
    ) -> Int[Tensor, "#batch tokens"]:
        """Marks plus the start; 0 where the mark is 0."""
        assert marks is not None
        return (marks + self.start(marks)) * (marks > 0)
