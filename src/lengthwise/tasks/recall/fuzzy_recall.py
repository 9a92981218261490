"""Fuzzy recall: the values of keys that occur again, where both consist of several tokens (arXiv 2403.17844).

A text is a sequence of pairs of a key and a value. A key has 1 to 3 tokens in training, uniformly, and 3 in validation;
a value has 1 to 3. The tokens of a key are distinct and uniform, and so are those of a value. A key that occurs again
has the same value. Pairs are drawn as long as another one of the greatest length would leave room for a further one of
that length. The last pair repeats one of the pairs before, drawn uniformly. A pad token fills up the text on the left.
All tokens of the value of every key that occurred before are scored.

The tokens are those of keys, those of values, and the pad token. The authors train and test on 128 tokens, and also on
256 to 1,024; they train on all tokens. There, the last pair repeats a pair that is drawn before the others.
"""

from types import MappingProxyType
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.batch import Tokens
from lengthwise.tasks.drawing import constant, counted, distinct, first_equal, integers, uniform
from lengthwise.tasks.task import Task


class FuzzyRecall(Task):
    """The values of repeated keys, both of several tokens (arXiv 2403.17844)."""

    unit: ClassVar[str] = "tokens"
    example: ClassVar[str] = "sequence"
    model: ClassVar[str] = "decoder"
    stride: ClassVar[int] = 1
    splits: ClassVar[tuple[str, ...]] = ("train", "validation")
    trained_from = MappingProxyType({"key": 1})

    class Options(Task.Options):
        keys: int = option(7, at_least=1)
        """Number of different tokens of keys."""
        values: int = option(8, at_least=2)
        """Number of different tokens of values."""
        key: int = option(3, at_least=1, at_most=5)
        """Largest number of tokens of a key."""
        value: int = option(3, at_least=1, at_most=5)
        """Largest number of tokens of a value."""

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.key > self.keys or self.value > self.values:
                raise InputError(
                    f"The tokens of a key or a value are distinct; got {self.keys} tokens for keys of {self.key}, and "
                    f"{self.values} tokens for values of {self.value}."
                )

    options: Options

    @property
    def sizes(self) -> dict[str, Any]:
        """The vocabulary of keys and values, and the pad token."""
        return {"vocab_size": self.options.keys + self.options.values + 1}

    def check_length(self, length: int) -> None:
        """Refuse texts that are too short for two of the largest pairs."""
        least = 2 * (self.options.key + self.options.value)
        if length < least:
            raise InputError(f"A text holds a pair twice, {least} tokens in all; got a length of {length}.")

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        """Draw texts of ``length`` tokens; the inputs are all tokens but the last.

        Returns:
            A batch of (batch_size, length - 1) tokens. The predictions of the values of repeated keys are scored.
        """
        self.check_length(length)
        self.check_split(split)
        options, largest = self.options, self.options.key + self.options.value
        shortest = 1 if split == "train" else options.key
        most = length // (shortest + 1)
        key = self._words(generator, batch_size * most, options.keys, shortest, options.key)
        value = self._words(generator, batch_size * most, options.values, 1, options.value)
        key, value = key.view(batch_size, most, -1), value.view(batch_size, most, -1)
        name = ((key + 1) * (options.keys + 1) ** counted(options.key)).sum(2)  # a number for each key
        first, row = first_equal(name), counted(batch_size)[:, None]
        pair = torch.cat([key, torch.where(value < 0, value, value + options.keys)[row, first]], dim=2)
        sizes = (pair >= 0).sum(2)
        used = sizes.cumsum(1) - sizes <= length - 2 * largest
        last = (uniform(generator, batch_size, 1) * used.sum(1, keepdim=True)).long()
        pair = torch.cat([torch.where(used[..., None], pair, -1), pair[row, last]], dim=1)
        repeated = F.pad(first < counted(most), (0, 1), value=True)[..., None] & (counted(largest) >= options.key)
        shown = pair >= 0
        filled = counted(length) >= length - shown.sum((1, 2))[:, None]
        pad = constant(options.keys + options.values, batch_size, length)
        tokens = pad.masked_scatter(filled, pair[shown])
        scored = torch.zeros_like(filled).masked_scatter(filled, repeated[shown])
        return Tokens(tokens[:, :-1], tokens[:, 1:], scored[:, 1:], marks=tokens[:, :0])

    def _words(
        self, generator: torch.Generator, count: int, symbols: int, shortest: int, longest: int
    ) -> Int[Tensor, "{count} {longest}"]:
        """Draw words, filled up with -1 on the right."""
        size = integers(generator, longest + 1, count, 1, least=shortest)
        return torch.where(counted(longest) < size, distinct(generator, symbols, count, longest), -1)
