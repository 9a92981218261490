"""Multi-query associative recall: pairs, then every key once more, labelled with its value (arXiv 2312.04927).

Keys are from the first half of the vocabulary, values from the second half. The keys of a sequence are distinct, and so
are its values. The queries and the fillers between them are those of :mod:`lengthwise.tasks.recall.pairs`.

The authors train on 64 symbols with 4 pairs, 128 with 8 and 256 with 16 to 64, and test on up to 1,024 with 256 pairs.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.batch import Batch
from lengthwise.tasks.drawing import distinct
from lengthwise.tasks.labelling import Labelled
from lengthwise.tasks.recall.pairs import Pairs


class Mqar(Pairs):
    """Multi-query associative recall: the value of every key (arXiv 2312.04927)."""

    class Options(Pairs.Options):
        pairs: int = option(4, at_least=1)
        """Number of pairs of a key and a value."""

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.pairs > self.vocabulary // 2:
                raise InputError(
                    f"A vocabulary of {self.vocabulary} has {self.vocabulary // 2} keys; got {self.pairs} pairs; "
                    "raise vocabulary, or lower pairs."
                )

    options: Options

    @property
    def least(self) -> int:
        """The smallest length: two symbols for each pair, and a slot of two."""
        return 4 * self.options.pairs

    def pool(
        self, generator: torch.Generator, batch_size: int, values: int
    ) -> tuple[Int[Tensor, "batch pairs"], Int[Tensor, "batch {values}"]]:
        """Draw the keys of the pairs, and a number of different values."""
        half = self.options.vocabulary // 2
        keys = distinct(generator, half, batch_size, self.options.pairs)
        return keys, half + distinct(generator, self.options.vocabulary - half, batch_size, values)

    def holders(self, batch: Batch) -> Int[Tensor, "batch predictions"]:
        """Return the value beside the last showing of the queried key."""
        context = (self.least - 2 * self.options.pairs) // 2  # pairs, updates included
        keys = batch[0][:, 1 : 1 + 2 * context : 2]
        same = batch[0][:, :, None] == keys[:, None]
        last = context - 1 - same.flip(2).int().argmax(2)
        return torch.where(batch.scored, 2 + 2 * last, -1)

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Labelled:
        """Draw pairs, and ask for each."""
        keys, values = self.pool(generator, batch_size, self.options.pairs)
        context = torch.stack([keys, values], dim=2).flatten(1)
        return self.asking(generator, length, context, keys[..., None], values, keys)
