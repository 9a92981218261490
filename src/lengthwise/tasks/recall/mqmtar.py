"""Multi-query multi-token associative recall: the values of queried keys, which are words (arXiv 2506.16640).

A text of ``length`` symbols holds pairs of a key and a value. A pair is written as a unit ``k1 k2 colon v1 v2 space``.
Units take up 80 % of the text, rounded down; the rest is spaces. Units and spaces stand in uniformly random order.
After the text come four queries ``ask k1 k2``, each for a pair drawn uniformly. The answer is ``ask v1 v2`` four times.

Keys and values are words of two symbols out of 256. There are 10,000 words of keys and as many of values, which are the
same for all texts. The keys of a text are distinct, and so are its values. The tokens after the symbols are *space*,
*colon* and *ask*.

The authors train on lengths from 32 to 64, and test on 64 to 65,536. They give every pair a block of equal size, with
spaces around the unit, so that a text can be shorter than its length.
"""

from functools import cache

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.drawing import bits_with, constant, counted, distinct, integers
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class Mqmtar(Transduction):
    """The values of four keys, both words of two symbols (arXiv 2506.16640)."""

    class Options(Task.Options):
        alphabet: int = option(256, at_least=2)
        """Number of different symbols of words."""
        key: int = option(2, at_least=1, at_most=7)
        """Number of symbols of a key."""
        value: int = option(2, at_least=1, at_most=7)
        """Number of symbols of a value."""
        words: int = option(10_000, at_least=1)
        """Number of different keys, and of different values."""
        share: float = option(0.8, above=0, at_most=1)
        """Share of the text that consists of pairs."""
        queries: int = option(4, at_least=1)
        """Number of queries."""

        def __post_init__(self) -> None:
            super().__post_init__()
            shorter = min(self.key, self.value)
            if self.words > self.alphabet**shorter:
                raise InputError(
                    f"An alphabet of {self.alphabet} makes {self.alphabet**shorter:,} words of {shorter} symbols; got "
                    f"{self.words:,} words. Lower words, or raise alphabet, key or value."
                )

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols, with *space*, *colon* and *ask*."""
        return self.options.alphabet + 3

    @property
    def unit_length(self) -> int:
        """Number of symbols of a key, a colon, a value and a space."""
        return self.options.key + self.options.value + 2

    def pairs(self, length: int) -> int:
        """Return the number of pairs of a text."""
        return min(int(length * self.options.share // self.unit_length), self.options.words)

    def check_length(self, length: int) -> None:
        """Refuse texts that are too short for a pair."""
        if length < 1 or self.pairs(length) < 1:
            raise InputError(
                f"The pairs of a text of mqmtar take up {self.options.share:g} of its symbols, and one pair has "
                f"{self.unit_length} symbols; got a length of {length}, which is too short for a pair."
            )

    def source_length(self, length: int) -> int:
        """Return the number of symbols of the text and the queries."""
        return length + self.options.queries * (self.options.key + 1)

    def answer_length(self, length: int) -> int:
        """Return the number of symbols of the values, each after *ask*."""
        return self.options.queries * (self.options.value + 1)

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw pairs, place them in the text, and ask for some of them."""
        options, pairs = self.options, self.pairs(length)
        space, colon, ask = range(options.alphabet, options.alphabet + 3)
        key, value = (
            _words(options.alphabet, size, options.words, seed)[distinct(generator, options.words, batch_size, pairs)]
            for seed, size in enumerate((options.key, options.value))
        )
        unit = torch.cat([key, constant(colon, batch_size, pairs, 1), value], dim=2)
        slots = length - pairs * (self.unit_length - 1)
        is_unit = bits_with(generator, constant(pairs, batch_size), slots) == 1
        sizes = torch.where(is_unit, self.unit_length, 1)
        starts = (sizes.cumsum(1) - sizes)[is_unit].view(batch_size, pairs, 1)
        places = (starts + counted(unit.shape[2])).flatten(1)
        text = constant(space, batch_size, length).scatter(1, places, unit.flatten(1))
        asked = integers(generator, pairs, batch_size, options.queries)
        row, sign = counted(batch_size)[:, None], constant(ask, batch_size, options.queries, 1)
        queries, answers = (torch.cat([sign, word[row, asked]], dim=2).flatten(1) for word in (key, value))
        return Drawn(torch.cat([text, queries], dim=1), answers)


@cache
def _words(alphabet: int, size: int, count: int, seed: int) -> Int[Tensor, "{count} {size}"]:
    """Choose ``count`` different words of ``size`` symbols, the same in every process."""
    numbers = distinct(torch.Generator().manual_seed(seed), alphabet**size, 1, count)[0]
    return torch.stack([numbers // alphabet**place % alphabet for place in range(size)], dim=1)
