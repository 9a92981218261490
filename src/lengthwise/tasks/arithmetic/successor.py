"""Successor: the answer is the next number, least significant digit first (arXiv 2310.11984).

A source has N digits, most significant first, uniform and independent; the answer has N + 1. A carry reaches k more
digits in one of 10^k numbers alone, so that copying is nearly always right: on the split ``carries``, the number ends
in a run of nines, of 1 to N digits, uniformly.

The authors train on all numbers below 2^20, padded with zeros to the longest number that they test, and test numbers of
up to 49 digits. Their encoder-decoder reads the source at once.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from lengthwise.options import option
from lengthwise.tasks.arithmetic.digits import carried
from lengthwise.tasks.drawing import counted, integers
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class Successor(Transduction):
    """The next number, digit by digit (arXiv 2310.11984)."""

    unit = "digits"
    splits = ("train", "validation", "carries")

    class Options(Task.Options):
        base: int = option(10, at_least=2)
        """Base of the numbers, that is, the number of different digits."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different digits."""
        return self.options.base

    def answer_length(self, length: int) -> int:
        """Return the number of digits of the next number, one more."""
        return length + 1

    def places(self, length: int) -> tuple[Int[Tensor, " source"], Int[Tensor, " answer"]]:
        """Mark each digit with its significance, counted from 1."""
        return counted(length + 1, start=1).flip(0), counted(length + 2, start=1)

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw numbers, and add 1."""
        base = self.options.base
        number = integers(generator, base, batch_size, length)
        if split == "carries":
            run = integers(generator, length + 1, batch_size, 1, least=1)
            number = torch.where(counted(length) < run, base - 1, number)
        one = (counted(length + 1) == 0).long()
        return Drawn(number.flip(1), carried(F.pad(number, (0, 1)) + one, base))
