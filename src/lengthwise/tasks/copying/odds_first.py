"""Odds first: the symbols at odd places, then those at even places, with places counted from 1 (arXiv 2207.02098).

The symbols of the source are uniform and independent. The authors have two symbols, train on lengths from 1 to 40, and
test on lengths up to 500. The order is that of their paper; their code counts places from 0, so that it begins with the
second symbol. Their model answers at given positions; here, the answer is generated and ends itself.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.options import option
from lengthwise.tasks.copying.copy import Copy
from lengthwise.tasks.transduction import Drawn


class OddsFirst(Copy):
    """The source's symbols at odd places, then those at even places (arXiv 2207.02098)."""

    class Options(Copy.Options):
        symbols: int = option(2, at_least=2)
        """Number of different symbols."""

    options: Options

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw sources and take their symbols apart."""
        source = super().draw(generator, batch_size, length, split).source
        return Drawn(source, _odds_first(source))

    def places(self, length: int) -> tuple[Int[Tensor, " source"], Int[Tensor, " answer"]]:
        """Mark each symbol and its copy with the symbol's place in the source, counted from 1."""
        places, _ = super().places(length)
        return places, _odds_first(places)


def _odds_first(values: Int[Tensor, "*batch places"]) -> Int[Tensor, "*batch places"]:
    return torch.cat([values[..., ::2], values[..., 1::2]], dim=-1)
