"""Set complement: after every token, the uniform distribution over all tokens that are absent (arXiv 2510.08341).

A sequence consists of distinct tokens out of v, drawn uniformly. After s tokens, the answer is a distribution: the
probability is 1 / (v - s) for each token that has not occurred, and 0 for the others. A sequence has at most v - 1
tokens. A model that ignores the sequence and gives 1 / v to every token has a total variation of s / v. With
``sampled``, the answer in training is one of the absent tokens: this is noise, against which weights are averaged.

The authors show that a model of one layer that is balanced at the lengths 1 and 2 generalises to longer sequences, with
less precision.
"""

from typing import Any, ClassVar

import torch

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.batch import Tokens
from lengthwise.tasks.drawing import counted, distinct
from lengthwise.tasks.metrics.metric import Metric
from lengthwise.tasks.metrics.token_accuracy import TokenAccuracy
from lengthwise.tasks.metrics.total_variation import TotalVariation
from lengthwise.tasks.task import Task


class SetComplement(Task):
    """A uniform distribution over the tokens that have not occurred (arXiv 2510.08341)."""

    unit: ClassVar[str] = "tokens"
    example: ClassVar[str] = "sequence"
    model: ClassVar[str] = "decoder"
    stride: ClassVar[int] = 1
    splits: ClassVar[tuple[str, ...]] = ("train", "validation")
    metrics: ClassVar[tuple[Metric, ...]] = (TotalVariation(), TokenAccuracy())

    class Options(Task.Options):
        symbols: int = option(64, at_least=2)
        """Number of different tokens."""
        sampled: bool = False
        """True if training shows one absent token, drawn at random, in place of the distribution."""

    options: Options

    @property
    def sizes(self) -> dict[str, Any]:
        """The vocabulary."""
        return {"vocab_size": self.options.symbols}

    def check_length(self, length: int) -> None:
        """Refuse sequences after which no token is absent."""
        if not 1 <= length < self.options.symbols:
            raise InputError(
                f"A sequence of distinct tokens with an absent one has 1 to {self.options.symbols - 1} tokens; got a "
                f"length of {length}. The option symbols gives more."
            )

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        """Draw sequences of ``length`` distinct tokens; both splits are the same distribution.

        Returns:
            A batch of (batch_size, length) tokens with soft answers (batch_size, length, symbols). All are scored.
        """
        self.check_length(length)
        self.check_split(split)
        symbols, steps = self.options.symbols, counted(length)
        order = distinct(generator, symbols, batch_size, symbols)
        absent = order.argsort(1)[:, None] > steps[:, None]  # after each step, the symbols that come later
        answers = absent.to(torch.float32) / (symbols - 1 - steps)[:, None]
        tokens = order[:, :length]
        if self.options.sampled and split == "train":
            answers = order[:, 1 : length + 1]
        return Tokens(tokens, answers, torch.ones_like(tokens, dtype=torch.bool), marks=tokens[:, :0])
