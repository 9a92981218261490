"""Sorting: the answer is the source in ascending order (arXiv 2506.16640).

The symbols of the source are uniform and independent, so that symbols repeat. The authors train on lengths from 32 to
64, with 32 symbols, and test on 2, 4 and 8 times 64. *Bucket sort* of arXiv 2207.02098 is ``sort[symbols=5]``, trained
on lengths from 1 to 40 and tested up to 500. *Sort* of arXiv 2410.02140 is ``sort[symbols=150,distinct=true]``, trained
on lengths up to 50 and tested on 51 to 100 and on 101 to 150.
"""

import torch

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.drawing import distinct, integers
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class Sort(Transduction):
    """The source in ascending order (arXiv 2506.16640)."""

    class Options(Task.Options):
        symbols: int = option(32, at_least=2)
        """Number of different symbols."""
        distinct: bool = False
        """True if no symbol occurs twice in a source."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols."""
        return self.options.symbols

    def check_length(self, length: int) -> None:
        """Refuse a length of more distinct symbols than there are."""
        super().check_length(length)
        if self.options.distinct and length > self.symbols:
            raise InputError(
                f"A source of distinct symbols has at most {self.symbols}; got a length of {length}. "
                f"Set symbols={length} for more."
            )

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw sources and sort them."""
        draw = distinct if self.options.distinct else integers
        source = draw(generator, self.symbols, batch_size, length)
        return Drawn(source, source.sort(1).values)
