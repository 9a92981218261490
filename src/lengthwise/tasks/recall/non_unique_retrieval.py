"""Non-unique retrieval: the neighbour of the first, or last, of several equal symbols (arXiv 2505.21785).

A sequence is ``begin context separator query answer end``. The symbols of the context are uniform and independent. The
query is the symbol at a uniformly random place of the context. A context is drawn again, together with the query, if
the query occurs only once, or if the occurrence that counts has no neighbour on the side of the answer.

The authors' sizes and lengths are those of :mod:`lengthwise.tasks.recall.unique_retrieval`. In their code, the answer
on the left of the first symbol of the context is the last symbol of the context; here, such a context is drawn again.
"""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.drawing import integers
from lengthwise.tasks.recall.unique_retrieval import UniqueRetrieval
from lengthwise.tasks.transduction import Drawn


class NonUniqueRetrieval(UniqueRetrieval):
    """The neighbour of a symbol's first or last occurrence (arXiv 2505.21785)."""

    class Options(UniqueRetrieval.Options):
        occurrence: str = option("first", among=("first", "last"))
        """Which of the query's occurrences counts."""

    options: Options

    def check_length(self, length: int) -> None:
        """Refuse contexts that are too short for two equal symbols and a neighbour."""
        if length < 3:
            raise InputError(f"A context has 3 or more symbols, two equal ones and a neighbour; got {length}.")

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw contexts until all have a query that can be answered."""
        context = integers(generator, self.symbols, batch_size, length)
        place = self._place(generator, context)
        while (again := place < 0).any():
            context[again] = integers(generator, self.symbols, int(again.sum()), length)
            place[again] = self._place(generator, context[again])
        both = torch.stack([place, place + 1 if self.options.side == "right" else place - 1], dim=1)
        return Drawn(context, context.gather(1, both))

    def place_of(self, same: Bool[Tensor, "batch context"]) -> Int[Tensor, " batch"]:
        """Return the place of the first or the last occurrence."""
        if self.options.occurrence == "first":
            return super().place_of(same)
        return same.shape[1] - 1 - super().place_of(same.flip(1))

    def _place(self, generator: torch.Generator, context: Int[Tensor, "batch length"]) -> Int[Tensor, " batch"]:
        """Choose queries, and return the places of the occurrences that count; -1 if there is no answer."""
        length = context.shape[1]
        same = context == context.gather(1, integers(generator, length, context.shape[0], 1))
        place = self.place_of(same)
        end = length - 1 if self.options.side == "right" else 0
        return torch.where((same.sum(1) > 1) & (place != end), place, -1)
