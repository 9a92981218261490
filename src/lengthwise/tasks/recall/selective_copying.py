"""Selective copying: the answer is the symbols of the source without the blanks between them (arXiv 2312.00752).

A source of ``length`` symbols holds 16 symbols at uniformly random places; all other places are blank. The symbols are
uniform and independent. The token after the symbols is the blank.

The authors train and test on 4,096 symbols. The task of arXiv 2403.17844 counts the answer in the length, and varies it
from 256 to 1,024; there the last symbol before the answer is never blank.
"""

import torch

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.drawing import bits_with, constant, integers
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class SelectiveCopying(Transduction):
    """The symbols of the source without the blanks (arXiv 2312.00752)."""

    class Options(Task.Options):
        symbols: int = option(14, at_least=2)
        """Number of different symbols, without the blank."""
        copied: int = option(16, at_least=1)
        """Number of symbols to copy."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols, with the blank."""
        return self.options.symbols + 1

    def answer_length(self, length: int) -> int:
        """Return the number of symbols to copy."""
        return self.options.copied

    def check_length(self, length: int) -> None:
        """Refuse sources that are too short."""
        if length < self.options.copied:
            raise InputError(
                f"A source has at least the {self.options.copied} symbols to copy; got a length of {length}."
            )

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw symbols, and put them at random places."""
        copied = self.options.copied
        answer = integers(generator, self.options.symbols, batch_size, copied)
        chosen = bits_with(generator, constant(copied, batch_size), length) == 1
        source = constant(self.options.symbols, batch_size, length).masked_scatter(chosen, answer)
        return Drawn(source, answer)
