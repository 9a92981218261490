"""What a task hands out: inputs, the answers wanted, and how a model is asked for them."""

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
"""The answer where there is none to give; cross-entropy leaves it out."""


class Reply(NamedTuple):
    """What a model predicts where it is scored, sequence by sequence, and what is right.

    Both are tuples of one, tokens or classes; of a model that predicts the marks of its tokens, too, they are of two.
    """

    logits: tuple[Float[Tensor, "scored classes"], ...]
    answers: tuple[Int[Tensor, " scored"], ...]

    @property
    def right(self) -> Bool[Tensor, " scored"]:
        """Which predictions are right, in all of it."""
        return torch.stack([(said.argmax(-1) == right) | (right == UNASKED) for said, right in self.pairs()]).all(0)

    def pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the logits and the answers of the tokens, and then of their marks where the model predicts these."""
        return zip(self.logits, self.answers, strict=True)


class Tokens(NamedTuple):
    """Sequences of tokens for a decoder, what follows each token, and which of those predictions count."""

    inputs: Int[Tensor, "batch length"]
    targets: Int[Tensor, "batch length"]
    scored: Bool[Tensor, "batch length"]
    marks: Int[Tensor, "batch length"] | Int[Tensor, "batch 0"]
    """Equal for tokens that play the same role; empty where the task knows of none."""

    def ask(self, model: nn.Module, chunk: int | None = None) -> Reply:
        """The reply to the scored tokens; with ``chunk``, that many tokens are read at a time."""
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
        # Chunks give the tokens column by column; put them back in the order of the whole batch.
        places = torch.arange(self.scored.numel(), dtype=torch.long, device=self.scored.device).view_as(self.scored)
        order = torch.cat([p[s] for p, s in zip(places.split(chunk, 1), self.scored.split(chunk, 1), strict=True)])
        return tuple(torch.cat(head)[order.argsort()] for head in zip(*parts, strict=True))

    @property
    def answers(self) -> Int[Tensor, " scored"]:
        """Which tokens the scored predictions should be, sequence by sequence."""
        return self.targets[self.scored]

    @property
    def next_marks(self) -> Int[Tensor, "batch length"]:
        """The mark of the token that follows each; that of the last target is never read, and so not asked for."""
        return F.pad(self.marks[:, 1:], (0, 1), value=UNASKED)


class Sets(NamedTuple):
    """Sets of items, a query to each, and the one answer, which one item of the set holds."""

    items: Float[Tensor, "batch items features"]
    query: Float[Tensor, "batch query_features"]
    targets: Int[Tensor, " batch"]
    holder: Int[Tensor, " batch"]
    """Index of the item that holds the answer."""

    @property
    def scored(self) -> Bool[Tensor, "batch 1"]:
        """Every set has one answer, and it counts."""
        return torch.ones_like(self.targets, dtype=torch.bool)[:, None]

    def ask(self, model: nn.Module, chunk: int | None = None) -> Reply:
        """The reply. A set is read at once: there is no order in which a part of it would come first."""
        return Reply(_heads(model(self.items, self.query)), (self.answers,))

    @property
    def answers(self) -> Int[Tensor, " batch"]:
        """The right ones."""
        return self.targets


def _heads(said: ModelOutput) -> tuple[Tensor, ...]:
    """What each of a model's heads says, in float32 or better."""
    return tuple(in_float32(logits) for logits in (said.logits, said.next_marks) if logits is not None)


Batch = Tokens | Sets
