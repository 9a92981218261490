"""The batches of a task: inputs and answers, and the call of a model on them."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lengthwise.attention import KeyValueCache
from lengthwise.attention.precision import in_float32
from lengthwise.models.output import ModelOutput

UNASKED = -100
"""Placeholder for an answer that is not scored; cross-entropy ignores it."""


class Reply(NamedTuple):
    """A model's scored predictions and the right answers, sequence by sequence.

    Both are tuples with one entry, for tokens or classes; if the model also predicts marks, they have two entries.
    """

    logits: tuple[Float[Tensor, "scored classes"], ...]
    answers: tuple[Int[Tensor, " scored"], ...]

    @property
    def right(self) -> Bool[Tensor, " scored"]:
        """True for predictions that are right in all entries."""
        return torch.stack([(said.argmax(-1) == right) | (right == UNASKED) for said, right in self.pairs()]).all(0)

    def pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the logits and the answers of the tokens, then those of the marks if the model predicts marks."""
        return zip(self.logits, self.answers, strict=True)


class Tokens(NamedTuple):
    """Sequences of tokens for a decoder: inputs, next tokens, and the mask of scored predictions."""

    inputs: Int[Tensor, "batch length"]
    targets: Int[Tensor, "batch length"]
    scored: Bool[Tensor, "batch length"]
    marks: Int[Tensor, "batch length"] | Int[Tensor, "batch 0"]
    """Equal for tokens that play the same role; empty if the task has no marks."""

    def to(self, device: torch.device | str) -> "Tokens":
        """Return the same batch on a device."""
        return type(self)(*(tensor.to(device) for tensor in self))

    def ask(self, model: nn.Module, chunk: int | None = None) -> Reply:
        """Compute the model's reply at the scored tokens; with ``chunk``, read that many tokens at a time."""
        logits = self._said(model, chunk)
        right = (self.targets, self.next_marks)[: len(logits)]
        return Reply(logits, tuple(answers[self.scored] for answers in right))

    def _said(self, model: nn.Module, chunk: int | None) -> tuple[Float[Tensor, "scored classes"], ...]:
        marks = self.marks if self.marks.shape[1] else None
        if chunk is None or self.inputs.shape[1] <= chunk:
            return _heads(model(self.inputs, marks=marks, select=self.scored))
        cache = KeyValueCache()
        parts = [
            _heads(
                model(
                    self.inputs[:, part],
                    marks=None if marks is None else marks[:, part],
                    select=self.scored[:, part],
                    cache=cache,
                )
            )
            for part in (slice(start, start + chunk) for start in range(0, self.inputs.shape[1], chunk))
        ]
        # Chunks give the predictions column by column; restore the order of the whole batch.
        places = torch.arange(self.scored.numel(), dtype=torch.long, device=self.scored.device).view_as(self.scored)
        order = torch.cat([p[s] for p, s in zip(places.split(chunk, 1), self.scored.split(chunk, 1), strict=True)])
        return tuple(torch.cat(head)[order.argsort()] for head in zip(*parts, strict=True))

    @property
    def answers(self) -> Int[Tensor, " scored"]:
        """The right tokens of the scored predictions, sequence by sequence."""
        return self.targets[self.scored]

    @property
    def next_marks(self) -> Int[Tensor, "batch length"]:
        """The mark of each next token; the mark of the last target is not scored, because it is never read."""
        return F.pad(self.marks[:, 1:], (0, 1), value=UNASKED)


class Sets(NamedTuple):
    """Sets of items, each with a query and one answer, which one item of the set holds."""

    items: Float[Tensor, "batch items features"]
    query: Float[Tensor, "batch query_features"]
    targets: Int[Tensor, " batch"]
    holder: Int[Tensor, " batch"]
    """Index of the item that holds the answer."""

    def to(self, device: torch.device | str) -> "Sets":
        """Return the same batch on a device."""
        return type(self)(*(tensor.to(device) for tensor in self))

    @property
    def scored(self) -> Bool[Tensor, "batch 1"]:
        """True everywhere: the one answer of each set is scored."""
        return torch.ones_like(self.targets, dtype=torch.bool)[:, None]

    def ask(self, model: nn.Module, chunk: int | None = None) -> Reply:
        """Compute the model's reply. A set is read at once, whatever ``chunk`` is, because its items have no order."""
        return Reply(_heads(model(self.items, self.query)), (self.answers,))

    @property
    def answers(self) -> Int[Tensor, " batch"]:
        """The right answers."""
        return self.targets


def _heads(said: ModelOutput) -> tuple[Tensor, ...]:
    """Return the logits of each of a model's heads, in float32 or better."""
    return tuple(in_float32(logits) for logits in (said.logits, said.next_marks) if logits is not None)


Batch = Tokens | Sets
