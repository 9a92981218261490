"""Duplication: the answer is the source, twice (arXiv 2207.02098).

The symbols of the source are uniform and independent. The authors have two symbols, train on lengths from 1 to 40, and
test on lengths up to 500. Their model answers at given positions; here, the answer is generated and ends itself.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.options import option
from lengthwise.tasks.copying.copy import Copy
from lengthwise.tasks.transduction import Drawn


class DuplicateString(Copy):
    """The source, twice (arXiv 2207.02098)."""

    class Options(Copy.Options):
        symbols: int = option(2, at_least=2)
        """Number of different symbols."""

    options: Options

    def answer_length(self, length: int) -> int:
        """Return twice the length."""
        return 2 * length

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw sources and repeat them."""
        source = super().draw(generator, batch_size, length, split).source
        return Drawn(source, source.repeat(1, 2))

    def places(self, length: int) -> tuple[Int[Tensor, " source"], Int[Tensor, " answer"]]:
        """Mark each symbol and its two copies with the symbol's place in the source, counted from 1."""
        places, _ = super().places(length)
        return places, places.repeat(2)
