"""Position coupling: tokens that play the same role share a number (arXiv 2405.20671).

In an addition, digits of the same significance share a number in both operands and the sum. In training the numbers
start at random, so that every number is learnt.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from lengthwise.attention.parts import Numbering, Sizes
from lengthwise.attention.traits import NumberingTraits
from lengthwise.errors import InputError
from lengthwise.options import Value


class Coupled(Numbering):
    """The task's marks, shifted in training by a start drawn for each sequence (arXiv 2405.20671).

    The authors use learned position embeddings: ``learned``.
    """

    traits = NumberingTraits(evidence="code", reads_marks=True)

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.last = self.numbers(sizes) - 1

    def numbers(self, sizes: Sizes) -> int:
        """Return the number of marks in the longest sequence, 0 included."""
        return sizes.need("marks", type(self).__name__.lower()) + 1

    def check(self, tokens: int, mark: int | None) -> None:
        """Refuse marks larger than the model's ``marks``: no training sequence contains their numbers."""
        if mark is not None and mark > self.last:
            name = type(self).__name__.lower()
            raise InputError(
                f"{name!r} has numbers for marks up to {self.last}, and a sequence has {mark}; "
                "build the model with larger marks."
            )

    def forward(
        self, counted: Int[Tensor, "#batch tokens"], marks: Int[Tensor, "batch tokens"] | None
    ) -> Int[Tensor, "#batch tokens"]:
        """Return the marks plus the start, which is 0 at inference."""
        assert marks is not None
        return marks + self.start(marks)

    def start(self, marks: Int[Tensor, "batch tokens"]) -> Int[Tensor, "#batch 1"]:
        """Draw the start in training, so that no number is larger than the last one; return 0 at inference."""
        drawn = (
            torch.rand(len(marks), 1, dtype=torch.float32, device=marks.device)
            if self.training
            else marks.new_zeros(1, 1)
        )
        largest = F.pad(marks, (1, 0)).amax(1, keepdim=True)  # the 0 serves an empty sequence
        return (drawn * (self.last - largest + 1).clamp(min=0)).long()
