"""The reply of a model to a batch: what it predicts, beside the right answers."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lengthwise.attention.precision import in_float32
from lengthwise.errors import InputError
from lengthwise.models.output import ModelOutput

UNASKED = -100
"""Placeholder for an answer that is not scored; cross-entropy ignores it."""


class Reply(NamedTuple):
    """A model's scored predictions and the right answers, sequence by sequence.

    Both are tuples with one entry, for tokens or classes; if the model also predicts marks, they have two entries.
    """

    logits: tuple[Float[Tensor, "scored classes"], ...]
    answers: tuple[Int[Tensor, " scored"] | Float[Tensor, "scored classes"] | Float[Tensor, " scored"], ...]
    """The right tokens or classes, probabilities of all classes, or numbers."""

    @property
    def numeric(self) -> bool:
        """True if answers are numbers, which no prediction hits exactly: none is right or wrong."""
        return self.answers[0].is_floating_point() and self.answers[0].ndim == 1

    @property
    def right(self) -> Bool[Tensor, " scored"]:
        """True for predictions that are right in all entries; under soft answers, those with a probability above 0.

        Raises:
            InputError: if answers are numbers.
        """
        return torch.stack([_right(said.argmax(-1), answer) for said, answer in self.pairs()]).all(0)

    def numbers(self) -> tuple[Float[Tensor, " scored"], Float[Tensor, " scored"]]:
        """Return the model's numbers, its only output, and the right numbers.

        Raises:
            InputError: if answers are no numbers.
        """
        if not self.numeric:
            raise InputError("The answers of this task are no numbers, so that they have no error; drop this metric.")
        return self.logits[0][:, 0], self.answers[0]

    def pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Return the logits and the answers of the tokens, then those of the marks if the model predicts marks.

        Raises:
            InputError: if answers are numbers, which have no logits.
        """
        if self.numeric:
            raise InputError(
                "An answer that is a number is not right or wrong; measure its absolute_error or its squared_error."
            )
        return ((said, _padded(answer, said.shape[-1])) for said, answer in zip(self.logits, self.answers, strict=True))


def _padded(answer: Tensor, classes: int) -> Tensor:
    """Give classes that only the model knows the probability 0."""
    return F.pad(answer, (0, classes - answer.shape[-1])) if answer.is_floating_point() else answer


def _right(said: Int[Tensor, " scored"], answer: Tensor) -> Bool[Tensor, " scored"]:
    if answer.is_floating_point():
        return answer.gather(1, said[:, None])[:, 0] > 0
    return (said == answer) | (answer == UNASKED)


def heads(said: ModelOutput) -> tuple[Tensor, ...]:
    """Return the logits of each of a model's heads, in float32 or better."""
    return tuple(in_float32(logits) for logits in (said.logits, said.next_marks) if logits is not None)
