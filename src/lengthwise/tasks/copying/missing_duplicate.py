"""Missing duplicate: the source is a string twice; the answer is the one symbol that is hidden (arXiv 2207.02098).

The symbols of the string are uniform and independent, and the hidden place is uniform over both copies. The length
counts both copies. The authors have two symbols, train on lengths from 1 to 40, and test on lengths up to 500; they
fill a source of odd length up with an empty token, which has no place here. Every symbol but the hidden one occurs an
even number of times. So the parities of the counts give the answer without the order, in the authors' task too.
"""

from typing import ClassVar

import torch

from lengthwise.options import option
from lengthwise.tasks.drawing import constant, integers
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class MissingDuplicate(Transduction):
    """The symbol that is hidden in one of two copies of a string (arXiv 2207.02098)."""

    stride: ClassVar[int] = 2

    class Options(Task.Options):
        symbols: int = option(2, at_least=2)
        """Number of different symbols of the string."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols: those of the string, and the sign of the hidden place, which is the last."""
        return self.options.symbols + 1

    def answer_length(self, length: int) -> int:
        """Return 1: the answer is the hidden symbol."""
        return 1

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw strings, write them twice, and hide one symbol."""
        sign = self.options.symbols
        copies = integers(generator, sign, batch_size, length // 2).repeat(1, 2)
        place = integers(generator, length, batch_size, 1)
        return Drawn(copies.scatter(1, place, constant(sign, batch_size, 1)), copies.gather(1, place))
