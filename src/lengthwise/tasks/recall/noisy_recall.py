"""Noisy recall: the values of keys that occur again in a text of pairs, with noise between them (arXiv 2403.17844).

A text of ``length`` tokens, an even number, consists of pairs of a key and a value. Each key has a value, which is
uniform. In the text, a pair is noise with a probability of 0.2, and consists of two uniform noise tokens; otherwise its
key is uniform. At least one pair, at a uniformly random place before the last, is no noise. The key of the last pair is
uniform over the different keys before. The value of every key that occurred before is scored.

The tokens are the keys, the values and the noise. The authors train and test on 128 tokens, and also on 256 to 1,024;
they train on all tokens.
"""

from typing import Any, ClassVar

import torch

from lengthwise.options import option
from lengthwise.tasks.batch import Tokens
from lengthwise.tasks.drawing import integers, repeated, uniform
from lengthwise.tasks.task import Task


class NoisyRecall(Task):
    """The values of repeated keys in a text with noise (arXiv 2403.17844)."""

    unit: ClassVar[str] = "tokens"
    example: ClassVar[str] = "sequence"
    model: ClassVar[str] = "decoder"
    stride: ClassVar[int] = 2
    shortest: ClassVar[int] = 4
    splits: ClassVar[tuple[str, ...]] = ("train", "validation")

    class Options(Task.Options):
        keys: int = option(8, at_least=1)
        """Number of different keys."""
        values: int = option(8, at_least=2)
        """Number of different values."""
        noise_tokens: int = option(16, at_least=1)
        """Number of different noise tokens."""
        noise: float = option(0.2, at_least=0, at_most=1)
        """Probability that a pair is noise."""

    options: Options

    @property
    def sizes(self) -> dict[str, Any]:
        """The vocabulary of keys, values and noise."""
        return {"vocab_size": self.options.keys + self.options.values + self.options.noise_tokens}

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        """Draw texts of ``length`` tokens; the inputs are all tokens but the last.

        Returns:
            A batch of (batch_size, length - 1) tokens. The predictions of the values of repeated keys are scored.
        """
        self.check_length(length)
        self.check_split(split)
        options, pairs = self.options, length // 2
        is_noise = uniform(generator, batch_size, pairs) < options.noise
        is_noise.scatter_(1, integers(generator, pairs - 1, batch_size, 1), value=False)
        is_noise[:, -1] = False
        key = integers(generator, options.keys, batch_size, pairs)
        shown = torch.zeros(batch_size, options.keys + 1, dtype=torch.bool, device="cpu")
        shown.scatter_(1, torch.where(is_noise, options.keys, key)[:, :-1], value=True)
        key[:, -1] = torch.where(shown[:, :-1], uniform(generator, batch_size, options.keys), -1).argmax(1)
        value = options.keys + integers(generator, options.values, batch_size, options.keys).gather(1, key)
        noise = integers(generator, options.noise_tokens, batch_size, pairs, 2) + options.keys + options.values
        tokens = torch.where(is_noise[..., None], noise, torch.stack([key, value], dim=2)).flatten(1)
        asked = repeated(tokens[:, ::2]) & ~is_noise
        scored = torch.stack([asked, torch.zeros_like(asked)], dim=2).flatten(1)[:, :-1]
        return Tokens(tokens[:, :-1], tokens[:, 1:], scored, marks=tokens[:, :0])
