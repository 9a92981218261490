"""N-gram lookup: the letters that follow, or precede, a queried n-gram of a text (arXiv 2402.01032).

The letters of a text are uniform and independent. The query is the n-gram at a uniformly random place that has as many
letters after it as the answer is long. If the query occurs more than once, its first occurrence counts. With
``side=before``, everything is mirrored: the answer is the letters before the last occurrence.

A sequence is ``begin text separator query answer end``. With ``query=first``, it is ``begin query bar text separator
answer end``. Both are the authors': suffix keys and prefix keys. Their answer is all letters up to the end of the text,
unless another length is set.
"""

import torch

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.drawing import constant, counted, integers
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class NGramLookup(Transduction):
    """The letter after or before a queried n-gram of a text (arXiv 2402.01032)."""

    class Options(Task.Options):
        letters: int = option(26, at_least=2)
        """Number of different letters."""
        n: int = option(3, at_least=1)
        """Number of letters of the query."""
        answer: int = option(1, at_least=1)
        """Number of letters of the answer."""
        side: str = option("after", among=("after", "before"))
        """Side of the query on which the answer stands in the text."""
        query: str = option("last", among=("last", "first"))
        """Whether the query comes after the text, or before it."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of letters, and the bar."""
        return self.options.letters + 1

    @property
    def given(self) -> int:
        """Number of letters of a query after the text, which the answer continues."""
        return self.options.n if self.options.query == "last" else 0

    def source_length(self, length: int) -> int:
        """Return the number of letters of the text, and those of a query before it."""
        return length + (self.options.n + 1 if self.options.query == "first" else 0)

    def answer_length(self, length: int) -> int:
        """Return the number of letters of the answer, and those of a query before it."""
        return self.given + self.options.answer

    def check_length(self, length: int) -> None:
        """Refuse texts that are too short."""
        least = self.options.n + self.options.answer
        if length < least:
            raise InputError(f"A text holds a query and its answer, {least} letters in all; got a length of {length}.")

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw texts, and ask for what stands beside one of their n-grams."""
        n, after = self.options.n, self.options.side == "after"
        text = integers(generator, self.options.letters, batch_size, length)
        grams = (text if after else text.flip(1)).unfold(1, n + self.options.answer, 1)
        chosen = integers(generator, grams.shape[1], batch_size)
        row = counted(batch_size)
        same = (grams[..., :n] == grams[row, chosen, None, :n]).all(2)
        found = grams[row, same.int().argmax(1)]
        query, answer = found.split([n, self.options.answer], dim=1)
        if not after:
            query, answer = query.flip(1), answer.flip(1)
        if self.options.query == "last":
            return Drawn(text, torch.cat([query, answer], dim=1))
        return Drawn(torch.cat([query, constant(self.options.letters, batch_size, 1), text], dim=1), answer)
