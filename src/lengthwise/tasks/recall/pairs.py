"""The base of tasks that show pairs of a key and a value, and then ask for each pair once (arXiv 2312.04927).

A sequence begins with the pairs. The rest is divided into slots of a key's length and one more, from left to right; if
symbols are left over, they stand at the end. Each key stands once more, at the begin of a slot of its own: this is its
query. The slots of the keys are drawn one after another, without replacement, in the order of the pairs. The slot
number g, counted from 1, has a probability proportional to g^(a - 1). The label of a query is the value; the value does
not follow in the sequence.

All other tokens are fillers: uniform over all symbols that are no keys of the sequence. So a filler neither overwrites
a pair nor looks like a query without a label, as it may in the authors' code. With ``blank``, all fillers are one
further symbol.
"""

from abc import abstractmethod

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.batch import UNASKED
from lengthwise.tasks.drawing import avoiding, constant, counted, uniform
from lengthwise.tasks.labelling import Labelled, Labelling
from lengthwise.tasks.task import Task


class Pairs(Labelling):
    """Base of tasks that ask for each of their pairs once."""

    class Options(Task.Options):
        vocabulary: int = option(8192, at_least=4)
        """Number of different symbols, of keys and of values together."""
        exponent: float = option(0.01, above=0)
        """The exponent a of the power law of slots; 1 makes all slots alike, less prefers the first ones."""
        blank: bool = False
        """True if all fillers are the same symbol; otherwise they are random."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols, with the blank one."""
        return self.options.vocabulary + 1

    @property
    def classes(self) -> int:
        """Number of different labels: values are symbols of the vocabulary."""
        return self.options.vocabulary

    @property
    @abstractmethod
    def least(self) -> int:
        """The smallest length: that of all pairs, and of a slot for each."""

    def check_length(self, length: int) -> None:
        """Refuse lengths in which pairs and queries have no place."""
        if length < self.least:
            raise InputError(
                f"The pairs and queries of {self.title} take up {self.least} symbols; got a length of {length}. Give a "
                "longer length, or fewer pairs."
            )

    def asking(
        self,
        generator: torch.Generator,
        length: int,
        context: Int[Tensor, "batch context"],
        queries: Int[Tensor, "batch queries width"],
        values: Int[Tensor, "batch queries"],
        keys: Int[Tensor, "batch keys"],
    ) -> Labelled:
        """Place queries after the context, label them with their values, and fill up the sequence.

        No random filler is one of the ``keys``, which are different symbols.
        """
        (batch, count, width), rest = queries.shape, length - context.shape[1]
        slots = rest // (width + 1)
        weights = counted(slots + 1, start=1).double() ** (self.options.exponent - 1)
        # A race of exponential times: who comes in first, second and so on is a draw by weights without replacement.
        times = -uniform(generator, batch, slots).log() / weights
        slot = times.topk(count, largest=False).indices
        places = (context.shape[1] + slot * (width + 1))[..., None] + counted(width)
        blank = self.options.vocabulary
        fillers = constant(blank, batch, rest) if self.options.blank else avoiding(generator, blank, keys, rest)
        symbols = torch.cat([context, fillers], dim=1).scatter(1, places.flatten(1), queries.flatten(1))
        labels = constant(UNASKED, batch, length + 1).scatter(1, places[..., -1] + 1, values)
        return Labelled(symbols, labels)
