"""Count: the source is two numbers, and the answer counts from the first up to the second (arXiv 2310.16028).

The source ``3 6`` has the answer ``3 4 5 6``. Each number is one symbol. The length is how many numbers the answer
has; the first number is uniform over all that leave room for it. The authors' code has a program for the task and no
data; the distribution and the number of symbols are our own.
"""

from typing import ClassVar

import torch

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.drawing import counted, integers
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class Count(Transduction):
    """All numbers from a first to a last one (arXiv 2310.16028)."""

    unit: ClassVar[str] = "numbers"

    class Options(Task.Options):
        numbers: int = option(256, at_least=2)
        """How many numbers there are, from 0 on."""

    options: Options

    @property
    def symbols(self) -> int:
        """How many numbers there are."""
        return self.options.numbers

    def check_length(self, length: int) -> None:
        """Refuse to count more numbers than there are."""
        super().check_length(length)
        if length > self.symbols:
            raise InputError(
                f"There are {self.symbols} numbers to count; got a length of {length}. Set numbers={length} for more."
            )

    def source_length(self, length: int) -> int:
        """Return 2: the source is the first and the last number."""
        return 2

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw first numbers, and count on from them."""
        first = integers(generator, self.symbols - length + 1, batch_size, 1)
        return Drawn(torch.cat([first, first + length - 1], dim=1), first + counted(length))
