"""Even pairs: the answer is 1 if the number of pairs 01 and 10 is odd (arXiv 2207.02098).

A pair is two neighbouring bits. Each bit is fair and independent. The number is odd exactly if the last bit is not the
first one. The authors train on lengths from 1 to 40, and test on lengths up to 500.
"""

import torch

from lengthwise.tasks.drawing import integers
from lengthwise.tasks.machine import MooreMachine
from lengthwise.tasks.transduction import Drawn, Transduction


class EvenPairs(Transduction):
    """Whether the number of pairs 01 and 10 is odd (arXiv 2207.02098)."""

    symbols = 2

    def answer_length(self, length: int) -> int:
        """Return 1: the answer is a bit."""
        return 1

    @property
    def machine(self) -> MooreMachine:
        """The first bit and the last one; no bits stand before the first one."""

        def moves(ends: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
            return {bit: (*ends[:1], bit) if ends else (bit, bit) for bit in range(2)}

        return self.asked_at_the_end((), moves, lambda ends: int(ends[0] != ends[1]) if ends else None)

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw bits, and the parity of the number of unequal neighbours."""
        bits = integers(generator, 2, batch_size, length)
        return Drawn(bits, (bits[:, 1:] != bits[:, :-1]).sum(1, keepdim=True) % 2)
