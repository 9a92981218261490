"""String equality: the answer is 1 if the first half of the source equals the second half (arXiv 2406.09347).

The halves are equal in half of the examples. The first half is uniform over all strings with two different symbols or
more. An unequal second half is the first with two different symbols exchanged, at random places. So neither the last
symbols nor the bag of symbols tells the answer. Under ``near=false``, the halves are uniform and independent where they
are unequal. The length counts both halves. The authors prove bounds for the task; the distribution is our own.
"""

from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.options import option
from lengthwise.tasks.drawing import integers, redrawn, uniform
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class StringEquality(Transduction):
    """Whether two strings are equal (arXiv 2406.09347)."""

    stride: ClassVar[int] = 2
    shortest: ClassVar[int] = 4  # a string of one symbol has no two to exchange

    class Options(Task.Options):
        symbols: int = option(2, at_least=2)
        """Number of different symbols."""
        near: bool = True
        """True if unequal strings differ in two symbols that changed places; otherwise they are independent."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols."""
        return self.options.symbols

    def answer_length(self, length: int) -> int:
        """Return 1: the answer is 1 or 0."""
        return 1

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw two unequal strings, and repeat the first in half of the examples."""
        half, equal = length // 2, integers(generator, 2, batch_size, 1)

        def anew(rows: int) -> Int[Tensor, "rows symbols"]:
            return integers(generator, self.symbols, rows, half if self.options.near else length)

        if self.options.near:
            first = redrawn(anew, lambda drawn: (drawn != drawn[:, :1]).any(1), batch_size)
            second = _exchanged(generator, first)
        else:
            both = redrawn(anew, lambda drawn: (drawn[:, :half] != drawn[:, half:]).any(1), batch_size)
            first, second = both.split(half, dim=1)
        return Drawn(torch.cat([first, torch.where(equal == 1, first, second)], dim=1), equal)


def _exchanged(generator: torch.Generator, strings: Int[Tensor, "batch symbols"]) -> Int[Tensor, "batch symbols"]:
    """Exchange two different symbols of each string: one at a uniform place, and one of all that differ from it."""
    place = integers(generator, strings.shape[1], len(strings), 1)
    symbol = strings.gather(1, place)
    other = torch.where(strings != symbol, uniform(generator, *strings.shape), -1).argmax(1, keepdim=True)
    return strings.scatter(1, place, strings.gather(1, other)).scatter(1, other, symbol)
