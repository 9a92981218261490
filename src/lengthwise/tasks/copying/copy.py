"""Copying: the answer is the source (arXiv 2506.16640).

The symbols of the source are uniform and independent. The authors train on lengths from 32 to 64, with 32 symbols.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.options import option
from lengthwise.tasks.drawing import counted, integers
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class Copy(Transduction):
    """The source once more (arXiv 2506.16640)."""

    class Options(Task.Options):
        symbols: int = option(32, at_least=2)
        """Number of different symbols."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols."""
        return self.options.symbols

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw sources, which are their own answers."""
        source = integers(generator, self.symbols, batch_size, length)
        return Drawn(source, source)

    def places(self, length: int) -> tuple[Int[Tensor, " source"], Int[Tensor, " answer"]]:
        """Mark each symbol and its copy with its place, counted from 1."""
        places = counted(length + 1, start=1)
        return places, places
