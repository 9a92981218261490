"""The square root of a binary number, rounded down, most significant bit first (arXiv 2207.02098).

The number is uniform from 1 to 2^n − 1, written with n bits; the root has half as many bits, rounded up. The authors
train on 1–40 bits and test to 500. A bit of the root shares its mark with the two bits of the number that have the
square of its weight and twice that square.
"""

import math

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.tasks.arithmetic.bits import whole, written
from lengthwise.tasks.drawing import counted, integers, redrawn
from lengthwise.tasks.transduction import Drawn, Transduction


class SquareRoot(Transduction):
    """The square root of a binary number, rounded down (arXiv 2207.02098)."""

    symbols = 2

    def answer_length(self, length: int) -> int:
        """Return the number of bits of the root."""
        return (length + 1) // 2

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw numbers, and find their roots."""
        source = redrawn(lambda rows: integers(generator, 2, rows, length), lambda numbers: numbers.any(1), batch_size)
        roots = written(map(math.isqrt, whole(source.numpy())), self.answer_length(length))
        return Drawn(source, torch.from_numpy(roots))

    def places(self, length: int) -> tuple[Int[Tensor, " source"], Int[Tensor, " answer"]]:
        """Mark each bit of the root with its significance, counted from 1, and two bits of the number with the same."""
        return counted(length + 2, start=2).flip(0) // 2, counted(self.answer_length(length) + 1, start=1).flip(0)
