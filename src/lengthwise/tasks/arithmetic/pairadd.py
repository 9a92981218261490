"""Pair addition: the last digit of the sum of the two marked digits among many.

The adding problem (Hochreiter and Schmidhuber 1997, doi 10.1162/neco.1997.9.8.1735) with digits: digits are uniform,
and a flag stands before two of them, all pairs of places alike often. The answer is their sum modulo 10. The length
counts the digits, not the flags.
"""

from typing import ClassVar

import torch

from lengthwise.options import option
from lengthwise.tasks.drawing import counted, distinct, integers
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class Pairadd(Transduction):
    """The last digit of the sum of two marked digits."""

    unit: ClassVar[str] = "digits"
    shortest: ClassVar[int] = 2

    class Options(Task.Options):
        base: int = option(10, at_least=2)
        """Number of different digits; the sum is taken modulo it."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of digits and the flag."""
        return self.options.base + 1

    def source_length(self, length: int) -> int:
        """Return the number of digits and flags."""
        return length + 2

    def answer_length(self, length: int) -> int:
        """Return 1: the answer is a digit."""
        return 1

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw digits with two flags among them, and add the digits after the flags."""
        digits = integers(generator, self.options.base, batch_size, length)
        marked = distinct(generator, length, batch_size, 2).sort(1).values
        flags = marked + counted(2)  # behind the first flag, the digits stand one place later
        place = counted(length + 2) - (counted(length + 2) > flags[..., None]).sum(1)  # of the digit, or of a flag's
        source = digits.gather(1, place).scatter(1, flags, self.options.base)
        return Drawn(source, digits.gather(1, marked).sum(1, keepdim=True) % self.options.base)
