"""Local count: the label of a token is its index in its run of equal symbols (arXiv 2506.16640).

A sequence consists of runs of one symbol. A run has 2 to 48 tokens, uniformly, and another symbol than the run before;
the last run is cut at the length. The first token of a run has label 0.
"""

import torch

from lengthwise.options import option
from lengthwise.tasks.batch import UNASKED
from lengthwise.tasks.drawing import constant, counted, integers
from lengthwise.tasks.labelling import Labelled, Labelling
from lengthwise.tasks.task import Task


class LocalCount(Labelling):
    """The index of every token in its run of equal symbols (arXiv 2506.16640)."""

    class Options(Task.Options):
        symbols: int = option(16, at_least=2)
        """Number of different symbols."""
        longest: int = option(48, at_least=2)
        """Largest number of tokens of a run; the smallest is 2."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols."""
        return self.options.symbols

    @property
    def classes(self) -> int:
        """Number of indices in a run."""
        return self.options.longest

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Labelled:
        """Draw runs until the sequence is full."""
        most = length // 2 + 1
        runs = integers(generator, self.options.longest + 1, batch_size, most, least=2).cumsum(1)
        steps = integers(generator, self.symbols, batch_size, most, least=1)
        symbol = (integers(generator, self.symbols, batch_size, 1) + steps.cumsum(1)) % self.symbols
        run = torch.searchsorted(runs, counted(length).expand(batch_size, -1).contiguous(), right=True)
        start = torch.cat([constant(0, batch_size, 1), runs], dim=1).gather(1, run)
        labels = torch.cat([constant(UNASKED, batch_size, 1), counted(length) - start], dim=1)
        return Labelled(symbol.gather(1, run), labels)
