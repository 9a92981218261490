"""Parity: the answer is 1 if the number of ones is odd (*parity check* of arXiv 2207.02098; arXiv 2410.02140).

The number of ones is uniform from 0 to the length, so that no density of ones tells the answer. Under ``uniform_bits``
each bit is fair and independent, as in arXiv 2207.02098 and, on lengths from 1 to 18, arXiv 2310.11984.
"""

import torch

from lengthwise.tasks.drawing import bits_with, integers
from lengthwise.tasks.machine import MooreMachine
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class Parity(Transduction):
    """Whether the number of ones is odd (arXiv 2410.02140)."""

    class Options(Task.Options):
        uniform_bits: bool = False
        """True if every bit is fair and independent; otherwise the number of ones is uniform."""

    options: Options
    symbols = 2

    def answer_length(self, length: int) -> int:
        """Return 1: the answer is a bit."""
        return 1

    @property
    def machine(self) -> MooreMachine:
        """The parity of the ones; -1 stands before the first bit."""

        def moves(odd: int) -> dict[int, int]:
            return {bit: (max(odd, 0) + bit) % 2 for bit in range(2)}

        return self.asked_at_the_end(-1, moves, lambda odd: None if odd < 0 else odd)

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw bits, and the parity of their sum."""
        if self.options.uniform_bits:
            bits = integers(generator, 2, batch_size, length)
        else:
            bits = bits_with(generator, integers(generator, length + 1, batch_size), length)
        return Drawn(bits, bits.sum(1, keepdim=True) % 2)
