"""Mode: the answer is the most frequent symbol, which leads by a given number of occurrences (arXiv 2310.16028).

All symbols of the source but ``lead`` are uniform and independent. The most frequent of these symbols (a random one of
several that are equally frequent) occurs ``lead`` times more, at random places; it is the answer. So a source has
one mode, which is ahead of every other symbol by ``lead`` or more. The authors' code has a program for the task and no
data; the distribution is our own. ``majority`` is the same question about symbols that are all uniform.
"""

import torch

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.drawing import integers, occurrences, shuffled, uniform
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class Mode(Transduction):
    """The most frequent symbol, which leads by a given number of occurrences (arXiv 2310.16028)."""

    class Options(Task.Options):
        symbols: int = option(26, at_least=2)
        """Number of different symbols."""
        lead: int = option(1, at_least=1)
        """How many times the mode occurs more often than every other symbol, at least."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols."""
        return self.options.symbols

    def check_length(self, length: int) -> None:
        """Refuse a length that is shorter than the lead."""
        super().check_length(length)
        if length < self.options.lead:
            raise InputError(
                f"A mode that leads by {self.options.lead} needs a length of at least {self.options.lead}; "
                f"got a length of {length}."
            )

    def answer_length(self, length: int) -> int:
        """Return 1: the answer is a symbol."""
        return 1

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw sources, and give the most frequent symbol its lead."""
        lead = self.options.lead
        source = integers(generator, self.symbols, batch_size, length - lead)
        chance = uniform(generator, batch_size, self.symbols)  # below 1, so it decides between equal numbers alone
        mode = (occurrences(source, self.symbols) + chance).argmax(1, keepdim=True)
        return Drawn(shuffled(generator, torch.cat([source, mode.expand(-1, lead)], dim=1)), mode)
