"""Binary majority: the answer is the more frequent of two bits (arXiv 2410.02140).

The number of ones is uniform over all numbers from 0 to the length but a tie, and the bits are in random order. The
authors train on lengths from 1 to 50, and test on 51 to 100 and on 101 to 150.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.tasks.drawing import bits_with, integers, redrawn
from lengthwise.tasks.transduction import Drawn, Transduction


class BinMajority(Transduction):
    """The more frequent of two bits (arXiv 2410.02140)."""

    symbols = 2

    def answer_length(self, length: int) -> int:
        """Return 1: the answer is a bit."""
        return 1

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw bits, and their majority."""
        return Drawn(*bits_and_majority(generator, batch_size, length))


def bits_and_majority(
    generator: torch.Generator, rows: int, length: int
) -> tuple[Int[Tensor, "{rows} {length}"], Int[Tensor, "{rows} 1"]]:
    """Draw rows of bits with a uniform number of ones, which is no tie, and the majority of each row."""
    ones = redrawn(lambda count: integers(generator, length + 1, count), lambda drawn: 2 * drawn != length, rows)
    return bits_with(generator, ones, length), (2 * ones > length).long()[:, None]
