"""Compositional recall: a key consists of two symbols, and neither alone decides the value.

A sequence has g first and g second halves of keys; all g² keys made of them have a value, in random order. First
halves, second halves and values are each from a third of the vocabulary. All values of a sequence are distinct. A query
shows both halves; the label is at the second. The queries and the fillers between them are those of
:mod:`lengthwise.tasks.recall.pairs`. The task is in the code of arXiv 2312.04927.
"""

import torch

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.drawing import constant, counted, distinct, shuffled
from lengthwise.tasks.labelling import Labelled
from lengthwise.tasks.recall.pairs import Pairs


class CompositionalMqar(Pairs):
    """Recall of the values of keys made of two symbols (code of arXiv 2312.04927)."""

    class Options(Pairs.Options):
        grid: int = option(2, at_least=2)
        """Number of first halves and of second halves of keys; its square is the number of pairs."""

        def __post_init__(self) -> None:
            super().__post_init__()
            third = self.vocabulary // 3
            if self.grid > third or self.grid**2 > self.vocabulary - 2 * third:
                raise InputError(
                    f"A third of the vocabulary, {third} symbols, is too small for {self.grid} halves of keys or for "
                    f"{self.grid**2} values; raise vocabulary, or lower grid."
                )

    options: Options

    @property
    def least(self) -> int:
        """The smallest length: three symbols for each pair, and a slot of three."""
        return 6 * self.options.grid**2

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Labelled:
        """Draw both halves and the values, and ask for each pair."""
        grid, third = self.options.grid, self.options.vocabulary // 3
        first = distinct(generator, third, batch_size, grid)
        second = third + distinct(generator, third, batch_size, grid)
        values = 2 * third + distinct(generator, self.options.vocabulary - 2 * third, batch_size, grid**2)
        cell = shuffled(generator, counted(grid**2) + constant(0, batch_size, 1))
        keys = torch.stack([first.gather(1, cell // grid), second.gather(1, cell % grid)], dim=2)
        context = torch.cat([keys, values[..., None]], dim=2).flatten(1)
        return self.asking(generator, length, context, keys, values, torch.cat([first, second], dim=1))
