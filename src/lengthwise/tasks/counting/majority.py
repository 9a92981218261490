"""Majority: the answer is the most frequent symbol (arXiv 2410.02140).

The symbols of the source are uniform and independent, under the condition that one symbol is more frequent than every
other. The authors have 26 symbols, train on lengths from 1 to 50, and test on 51 to 100 and on 101 to 150.
"""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from lengthwise.options import option
from lengthwise.tasks.drawing import integers, occurrences, redrawn
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class Majority(Transduction):
    """The most frequent symbol of uniform symbols (arXiv 2410.02140)."""

    class Options(Task.Options):
        symbols: int = option(26, at_least=2)
        """Number of different symbols."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols."""
        return self.options.symbols

    def answer_length(self, length: int) -> int:
        """Return 1: the answer is a symbol."""
        return 1

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw sources until none has a tie, and take the most frequent symbol of each."""
        source = redrawn(lambda rows: integers(generator, self.symbols, rows, length), self._decided, batch_size)
        return Drawn(source, occurrences(source, self.symbols).argmax(1, keepdim=True))

    def _decided(self, source: Int[Tensor, "rows length"]) -> Bool[Tensor, " rows"]:
        """Return True for a source in which one symbol is more frequent than every other."""
        first, second = occurrences(source, self.symbols).topk(2).values.unbind(1)
        return first > second
