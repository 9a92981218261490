"""Forgetting: multi-query associative recall in which some keys get another value, and the last value counts.

After the pairs, some of the keys stand again, each with a new value, in random order. Then every key is asked for. All
values of a sequence are distinct. Everything else is as in :mod:`lengthwise.tasks.recall.mqar`. The task is in the code
of arXiv 2312.04927, where a new value may equal the old one.
"""

import torch

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.drawing import distinct
from lengthwise.tasks.labelling import Labelled
from lengthwise.tasks.recall.mqar import Mqar


class ForgettingMqar(Mqar):
    """Recall of every key's last value; some keys get two (code of arXiv 2312.04927)."""

    class Options(Mqar.Options):
        updates: int = option(2, at_least=1)
        """Number of keys that get another value."""

        def __post_init__(self) -> None:
            super().__post_init__()
            values = self.vocabulary - self.vocabulary // 2
            if self.updates > self.pairs or self.pairs + self.updates > values:
                raise InputError(
                    f"At most every key gets another value, and all values are distinct; got {self.pairs} pairs, "
                    f"{self.updates} updates and {values} values."
                )

    options: Options

    @property
    def least(self) -> int:
        """The smallest length: two symbols for each pair and each update, and a slot of two for each key."""
        return 4 * self.options.pairs + 2 * self.options.updates

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Labelled:
        """Draw pairs and updates, and ask for each key."""
        pairs, updates = self.options.pairs, self.options.updates
        keys, values = self.pool(generator, batch_size, pairs + updates)
        updated = distinct(generator, pairs, batch_size, updates)
        shown = torch.cat([keys, keys.gather(1, updated)], dim=1)
        context = torch.stack([shown, values], dim=2).flatten(1)
        last = values[:, :pairs].scatter(1, updated, values[:, pairs:])
        return self.asking(generator, length, context, keys[..., None], last, keys)
