"""Copying: the answer is the source (arXiv 2506.16640).

The symbols of the source are uniform and independent. The authors train on lengths from 32 to 64, with 32 symbols.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from lengthwise.options import option
from lengthwise.tasks.batch import Batch
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

    def holders(self, batch: Batch) -> Int[Tensor, "batch predictions"]:
        """Return the symbol of the source that has the answer's mark; no input shows the end token."""
        first = int(batch.scored[0].int().argmax())  # the separator, after begin and the source
        source, answer = self.places(first - 1)
        of_answer = 1 + (answer[:, None] == source).int().argmax(1)
        return F.pad(of_answer, (first, 1), value=-1).expand_as(batch.scored).to(batch.scored.device)

    def places(self, length: int) -> tuple[Int[Tensor, " source"], Int[Tensor, " answer"]]:
        """Mark each symbol and its copy with its place, counted from 1."""
        places = counted(length + 1, start=1)
        return places, places
