"""Induction: ``… a b … a`` is continued with ``b`` (arXiv 2209.11895; *induction heads* of arXiv 2312.00752).

The last symbol, a, has occurred once before, at a uniformly random place, and not directly before. All other symbols
are uniform over those that are not a. Only the last symbol has a label: the symbol that followed a before. By default,
a is uniform. With ``special``, a is the same in all sequences, as in arXiv 2312.00752, where the length is 256 in
training and 64 to 1,048,576 in tests.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.batch import UNASKED, Batch
from lengthwise.tasks.drawing import avoiding, constant, integers
from lengthwise.tasks.labelling import Labelled, Labelling
from lengthwise.tasks.task import Task


class Induction(Labelling):
    """The symbol that followed the last symbol before (arXiv 2312.00752)."""

    class Options(Task.Options):
        symbols: int = option(16, at_least=3)
        """Number of different symbols."""
        special: bool = False
        """True if the repeated symbol is the same in all sequences, symbol 0."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols."""
        return self.options.symbols

    @property
    def classes(self) -> int:
        """Number of different symbols, which are the labels."""
        return self.options.symbols

    def check_length(self, length: int) -> None:
        """Refuse lengths below 3."""
        if length < 3:
            raise InputError(f"A sequence of induction, such as a b a, has 3 or more symbols; got {length}.")

    def holders(self, batch: Batch) -> Int[Tensor, "batch predictions"]:
        """Return the symbol after the first occurrence of the last symbol."""
        symbols = batch[0]
        after = (symbols == symbols[:, -1:]).int().argmax(1) + 1
        return F.pad(after[:, None], (symbols.shape[1] - 1, 0), value=-1)

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Labelled:
        """Draw symbols, and repeat one of them at the end."""
        repeated = integers(generator, 1 if self.options.special else self.symbols, batch_size, 1)
        place = integers(generator, length - 2, batch_size, 1)
        before = avoiding(generator, self.symbols, repeated, length - 1).scatter(1, place, repeated)
        labels = torch.cat([constant(UNASKED, batch_size, length), before.gather(1, place + 1)], dim=1)
        return Labelled(torch.cat([before, repeated], dim=1), labels)
