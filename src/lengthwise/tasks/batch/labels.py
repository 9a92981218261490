"""Sequences whose answers are labels, for a decoder, or for an encoder, which reads a sequence at once."""

from typing import Self

from torch import nn

from lengthwise.tasks.batch.reply import Reply, heads
from lengthwise.tasks.batch.tokens import Tokens


class Labels(Tokens):
    """Sequences whose answers are labels: no answer is the next input, even where the two have the same number."""

    @property
    def continued(self) -> bool:
        """False: labels are never read."""
        return False


class WholeLabels(Labels):
    """Sequences whose answers are labels, for an encoder."""

    def ask(self, model: nn.Module, chunk: int | None = None) -> Reply:
        """Compute the model's reply. A sequence is read at once, whatever ``chunk`` is: its tokens see all tokens."""
        return super().ask(model)


class Prompts(Labels):
    """Sequences without their answers, for an encoder: the last token of each has one label."""

    @classmethod
    def of(cls, whole: Tokens) -> Self:
        """Return the sequences up to their first scored prediction, which must stand at the same place in all."""
        width = int(whole.scored[0].int().argmax()) + 1
        return cls(*(tensor[:, :width] for tensor in whole))

    def ask(self, model: nn.Module, chunk: int | None = None) -> Reply:
        """Compute the model's reply from the mean of all tokens, read at once, whatever ``chunk`` is.

        The mean serves mechanisms in which no single token sees all others, too.
        """
        return self._reply(heads(model(self.inputs, average=True, **self._besides(slice(None)))))
