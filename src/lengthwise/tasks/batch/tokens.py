"""Sequences of tokens with their answers: read at once or in chunks, or continued by the model itself."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lengthwise.attention import KeyValueCache
from lengthwise.tasks.batch.reply import UNASKED, Reply, heads

NO_DOCUMENTS = torch.empty(0, 0, dtype=torch.long, device="cpu")


class Tokens(NamedTuple):
    """Sequences of tokens for a decoder: inputs, answers, and the mask of scored predictions."""

    inputs: Int[Tensor, "batch length"]
    targets: Int[Tensor, "batch length"] | Float[Tensor, "batch length classes"] | Float[Tensor, "batch length"]
    """The right answers: tokens or classes; probabilities of all classes, which are soft answers; or numbers."""
    scored: Bool[Tensor, "batch length"]
    marks: Int[Tensor, "batch length"] | Int[Tensor, "batch 0"]
    """Equal for tokens that play the same role; empty if the task has no marks."""
    documents: Int[Tensor, "batch length"] | Int[Tensor, "0 0"] = NO_DOCUMENTS
    """The document that each token comes from, by number; empty if every example stands for itself."""

    def to(self, device: torch.device | str) -> "Tokens":
        """Return the same batch on a device."""
        return type(self)(*(tensor.to(device) for tensor in self))

    def ask(self, model: nn.Module, chunk: int | None = None) -> Reply:
        """Compute the model's reply at the scored tokens; with ``chunk``, read that many tokens at a time."""
        return self._reply(self._said(model, chunk))

    def _reply(self, logits: tuple[Float[Tensor, "scored classes"], ...]) -> Reply:
        right = (self.targets, self.next_marks)[: len(logits)]
        return Reply(logits, tuple(answers[self.scored] for answers in right))

    def _said(self, model: nn.Module, chunk: int | None) -> tuple[Float[Tensor, "scored classes"], ...]:
        if chunk is None or self.inputs.shape[1] <= chunk:
            return heads(model(self.inputs, select=self.scored, **self._besides(slice(None))))
        cache, starts = KeyValueCache(), range(0, self.inputs.shape[1], chunk)
        parts = [
            heads(model(self.inputs[:, part], select=self.scored[:, part], cache=cache, **self._besides(part)))
            for part in (slice(start, start + chunk) for start in starts)
        ]
        return self._by_sequence(parts, starts)

    def _besides(self, part: slice) -> dict[str, Tensor]:
        """Return what a model reads besides the tokens of some columns: marks, and which documents to keep apart."""
        besides = {"marks": self.marks[:, part]} if self.marks.shape[1] else {}
        if self.documents.numel() and (self.documents != self.documents[:, :1]).any():
            besides["document_ids"] = self.documents[:, part]
        return besides

    def _by_sequence(self, parts: Sequence[tuple[Tensor, ...]], starts: Sequence[int]) -> tuple[Tensor, ...]:
        """Put the predictions of parts, which are groups of columns, into the order of the whole batch."""
        ends = [*starts[1:], self.scored.shape[1]]
        places = torch.arange(self.scored.numel(), dtype=torch.long, device=self.scored.device).view_as(self.scored)
        columns = [slice(start, end) for start, end in zip(starts, ends, strict=True)]
        order = torch.cat([places[:, part][self.scored[:, part]] for part in columns])
        return tuple(torch.cat(head)[order.argsort()] for head in zip(*parts, strict=True))

    def generate(self, model: nn.Module) -> Reply:
        """Compute the model's reply when it reads its own answers in place of the right ones.

        A scored answer that is the next input is replaced by the model's most likely token (greedy generation); all
        other inputs stay. Answers that are never read are those of :meth:`ask`.
        """
        if not self.continued:
            return self.ask(model)
        columns = self.scored.any(0).nonzero()[:, 0].tolist()
        own, marks, cache = self.inputs.clone(), self.marks.clone(), KeyValueCache()
        parts = []
        for column in columns:
            unread, scored = slice(cache.tokens, column + 1), self.scored[:, column]
            asked = torch.zeros_like(own[:, unread], dtype=torch.bool)
            asked[:, -1] = True
            read = {"marks": marks[:, unread]} if marks.shape[1] else {}
            said = heads(model(own[:, unread], select=asked, cache=cache, **self._besides(unread) | read))
            parts.append(tuple(logits[scored] for logits in said))
            if column + 1 < own.shape[1]:
                for tensor, logits in zip((own, marks), said, strict=False):
                    following = tensor[:, column + 1]
                    tensor[:, column + 1] = torch.where(scored, logits.argmax(-1), following)
        return self._reply(self._by_sequence(parts, columns))

    @property
    def continued(self) -> bool:
        """True if every scored answer is the next input, as in a text; False if answers are labels."""
        if self.targets.is_floating_point():
            return False
        return bool(((self.targets[:, :-1] == self.inputs[:, 1:]) | ~self.scored[:, :-1]).all())

    @property
    def document(self) -> Int[Tensor, " batch"] | None:
        """The document that each sequence begins in; None if every sequence stands for itself."""
        return self.documents[:, 0] if self.documents.numel() else None

    @property
    def answers(self) -> Int[Tensor, " scored"] | Float[Tensor, "scored classes"] | Float[Tensor, " scored"]:
        """The right answers of the scored predictions, sequence by sequence."""
        return self.targets[self.scored]

    @property
    def next_marks(self) -> Int[Tensor, "batch length"]:
        """The mark of each next token; the mark of the last target is not scored, because it is never read."""
        return F.pad(self.marks[:, 1:], (0, 1), value=UNASKED)
