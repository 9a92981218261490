"""Unique retrieval: the neighbour of a queried symbol that occurs once (arXiv 2505.21785).

A sequence is ``begin context separator query answer end``. The query is uniform. It stands once in the context, at a
uniformly random place that has a neighbour on the side of the answer; all other symbols of the context are uniform over
those that are not the query. The answer is the neighbour on the right, or on the left.

The authors use 5 symbols, train on contexts of 4 to 49 symbols, and test on up to 149. They do not score the end token.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.batch import Batch
from lengthwise.tasks.drawing import avoiding, integers
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class UniqueRetrieval(Transduction):
    """The neighbour of a symbol that occurs once (arXiv 2505.21785)."""

    class Options(Task.Options):
        symbols: int = option(5, at_least=3, at_most=100)
        """Number of different symbols."""
        side: str = option("right", among=("right", "left"))
        """Side of the query on which the answer stands in the context."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols."""
        return self.options.symbols

    @property
    def given(self) -> int:
        """Return 1: the query stands before the answer, after the separator."""
        return 1

    def answer_length(self, length: int) -> int:
        """Return 2: the query and the answer."""
        return 2

    def check_length(self, length: int) -> None:
        """Refuse contexts without a neighbour."""
        if length < 2:
            raise InputError(f"A context has 2 or more symbols, the queried one and a neighbour; got {length}.")

    def holders(self, batch: Batch) -> Int[Tensor, "batch predictions"]:
        """Return the neighbour of the queried symbol."""
        query = int(batch.scored[0].int().argmax())
        place = self.place_of(batch[0][:, 1 : query - 1] == batch[0][:, query, None])
        beside = place + (0 if self.options.side == "left" else 2)  # counted from begin
        return F.pad(beside[:, None], (query, batch.scored.shape[1] - query - 1), value=-1)

    def place_of(self, same: Bool[Tensor, "batch context"]) -> Int[Tensor, " batch"]:
        """Return the place in the context of the occurrence that counts; ``same`` is True at the queried symbol."""
        return same.int().argmax(1)

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw contexts around one symbol, and ask for its neighbour."""
        query = integers(generator, self.symbols, batch_size, 1)
        left = self.options.side == "left"
        place = left + integers(generator, length - 1, batch_size, 1)
        context = avoiding(generator, self.symbols, query, length).scatter(1, place, query)
        answer = context.gather(1, place - 1 if left else place + 1)
        return Drawn(context, torch.cat([query, answer], dim=1))
