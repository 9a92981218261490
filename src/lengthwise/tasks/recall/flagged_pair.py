"""Flagged pair: the symbol beside the one flag of a source of pairs, to measure a bias of position.

A source is ``mark symbol mark symbol …``. One mark is the flag and all others are plain; symbols are uniform. In
training and validation, the flagged pair stands in the first half of the source, at a uniformly random place; in the
split ``anywhere``, at a uniformly random place of the whole. A model that has learnt the place together with the flag
fails in the other half. The order of the pairs tells nothing about the answer, so that training may shuffle blocks of
two tokens (``train.shuffle=2``). The task is our own, and follows the position bias of arXiv 2501.04376.
"""

from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from lengthwise.options import option
from lengthwise.tasks.batch import Batch
from lengthwise.tasks.drawing import constant, integers
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class FlaggedPair(Transduction):
    """The symbol beside a flag, which training shows in the first half alone."""

    stride: ClassVar[int] = 2
    splits: ClassVar[tuple[str, ...]] = ("train", "validation", "anywhere")

    class Options(Task.Options):
        symbols: int = option(10, at_least=2)
        """Number of different symbols, without the two marks."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols, with the flag and the plain mark, in this order."""
        return self.options.symbols + 2

    def answer_length(self, length: int) -> int:
        """Return 1: the answer is a symbol."""
        return 1

    def holders(self, batch: Batch) -> Int[Tensor, "batch predictions"]:
        """Return the symbol beside the flag."""
        separator = int(batch.scored[0].int().argmax())
        beside = (batch[0] == self.options.symbols).int().argmax(1) + 1
        return F.pad(beside[:, None], (separator, batch.scored.shape[1] - separator - 1), value=-1)

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw pairs, and flag one of them."""
        pairs, flag = length // 2, self.options.symbols
        symbols = integers(generator, flag, batch_size, pairs)
        place = integers(generator, pairs if split == "anywhere" else max(1, pairs // 2), batch_size, 1)
        marks = constant(flag + 1, batch_size, pairs).scatter(1, place, flag)
        return Drawn(torch.stack([marks, symbols], -1).flatten(1), symbols.gather(1, place))
