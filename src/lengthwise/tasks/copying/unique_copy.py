"""Copying of distinct symbols: no symbol occurs twice in a source (arXiv 2410.02140).

A source is a uniform choice among all sequences of distinct symbols. The authors have 150 symbols, train on lengths up
to 50, and test on 51 to 100 and on 101 to 150.
"""

import torch

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.copying.copy import Copy
from lengthwise.tasks.drawing import distinct
from lengthwise.tasks.transduction import Drawn


class UniqueCopy(Copy):
    """A source of distinct symbols once more (arXiv 2410.02140)."""

    class Options(Copy.Options):
        symbols: int = option(150, at_least=2)
        """Number of different symbols, which is the largest length."""

    options: Options

    def check_length(self, length: int) -> None:
        """Refuse a length of more distinct symbols than there are."""
        super().check_length(length)
        if length > self.symbols:
            raise InputError(
                f"A source of distinct symbols has at most {self.symbols}; got a length of {length}. "
                f"Set symbols={length} for more."
            )

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw sources of distinct symbols, which are their own answers."""
        source = distinct(generator, self.symbols, batch_size, length)
        return Drawn(source, source)
