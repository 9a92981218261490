"""Histogram: the label of a token is how often its symbol has occurred so far, itself included (arXiv 2106.06981).

The symbols are uniform and independent. A number above ``largest`` is labelled ``largest``. The authors have 26
symbols, 10 as the largest label, and lengths up to 100 in training and in tests. Their encoder counts in the whole
sequence; a decoder reads no later token, so the numbers here are those of the prefix.
"""

import torch
import torch.nn.functional as F

from lengthwise.options import option
from lengthwise.tasks.batch import UNASKED
from lengthwise.tasks.drawing import counted, integers
from lengthwise.tasks.labelling import Labelled, Labelling
from lengthwise.tasks.task import Task


class Histogram(Labelling):
    """How often the symbol of every token has occurred so far (arXiv 2106.06981)."""

    class Options(Task.Options):
        symbols: int = option(26, at_least=2)
        """Number of different symbols."""
        largest: int = option(10, at_least=2)
        """Largest label, which stands for all larger numbers too."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols."""
        return self.options.symbols

    @property
    def classes(self) -> int:
        """Number of classes: the labels are numbers from 1 on, and 0 is no label."""
        return self.options.largest + 1

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Labelled:
        """Draw symbols, and number the occurrences of each."""
        symbols = integers(generator, self.symbols, batch_size, length)
        ordered, order = symbols.sort(dim=1, stable=True)  # equal symbols side by side, in their order
        place = counted(length).expand_as(symbols)
        first = F.pad(ordered[:, 1:] != ordered[:, :-1], (1, 0), value=True)
        number = place - torch.where(first, place, 0).cummax(1).values + 1
        labels = torch.empty_like(symbols).scatter(1, order, number.clamp(max=self.options.largest))
        return Labelled(symbols, F.pad(labels, (1, 0), value=UNASKED))
