"""The batches of a task: inputs and answers, and the call of a model on them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lengthwise.attention import KeyValueCache
from lengthwise.attention.precision import in_float32
from lengthwise.errors import InputError
from lengthwise.models.output import ModelOutput

UNASKED = -100
"""Placeholder for an answer that is not scored; cross-entropy ignores it."""
NO_DOCUMENTS = torch.empty(0, 0, dtype=torch.long, device="cpu")


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

    def prompts(self) -> "Prompts":
        """Return the sequences up to their first scored prediction, which must stand at the same place in all."""
        width = int(self.scored[0].int().argmax()) + 1
        return Prompts(*(tensor[:, :width] for tensor in self))

    def ask(self, model: nn.Module, chunk: int | None = None) -> Reply:
        """Compute the model's reply at the scored tokens; with ``chunk``, read that many tokens at a time."""
        return self._reply(self._said(model, chunk))

    def _reply(self, logits: tuple[Float[Tensor, "scored classes"], ...]) -> Reply:
        right = (self.targets, self.next_marks)[: len(logits)]
        return Reply(logits, tuple(answers[self.scored] for answers in right))

    def _said(self, model: nn.Module, chunk: int | None) -> tuple[Float[Tensor, "scored classes"], ...]:
        if chunk is None or self.inputs.shape[1] <= chunk:
            return _heads(model(self.inputs, select=self.scored, **self._besides(slice(None))))
        cache, starts = KeyValueCache(), range(0, self.inputs.shape[1], chunk)
        parts = [
            _heads(model(self.inputs[:, part], select=self.scored[:, part], cache=cache, **self._besides(part)))
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
            said = _heads(model(own[:, unread], select=asked, cache=cache, **self._besides(unread) | read))
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

    def ask(self, model: nn.Module, chunk: int | None = None) -> Reply:
        """Compute the model's reply from the mean of all tokens, read at once, whatever ``chunk`` is.

        The mean serves mechanisms in which no single token sees all others, too.
        """
        return self._reply(_heads(model(self.inputs, average=True, **self._besides(slice(None)))))


class Sets(NamedTuple):
    """Sets of items, each with a query and one answer."""

    items: Float[Tensor, "batch items features"]
    query: Float[Tensor, "batch query_features"]
    targets: Int[Tensor, " batch"] | Float[Tensor, " batch"]
    """The right answers: classes, or numbers."""
    holder: Int[Tensor, " batch"]
    """Index of the item that holds the answer; -1 if no single item does."""

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

    def generate(self, model: nn.Module) -> Reply:
        """Compute the model's reply; a set has one answer, which is never read."""
        return self.ask(model)

    @property
    def document(self) -> None:
        """None: every set stands for itself."""
        return None

    @property
    def answers(self) -> Int[Tensor, " batch"] | Float[Tensor, " batch"]:
        """The right answers."""
        return self.targets


class LabelledSets(NamedTuple):
    """Sets of items, each of which has answers of its own."""

    items: Float[Tensor, "batch items features"]
    targets: Float[Tensor, "batch items answers"] | Int[Tensor, "batch items"]
    """The right answers: numbers, or one class for each item."""

    def to(self, device: torch.device | str) -> "LabelledSets":
        """Return the same batch on a device."""
        return type(self)(*(tensor.to(device) for tensor in self))

    @property
    def scored(self) -> Bool[Tensor, "batch places"]:
        """True everywhere: all answers of all items are scored."""
        return torch.ones_like(self.targets, dtype=torch.bool).flatten(1)

    def ask(self, model: nn.Module, chunk: int | None = None) -> Reply:
        """Compute the model's reply. A set is read at once, whatever ``chunk`` is, because its items have no order."""
        (said,) = _heads(model(self.items))
        numbers = self.targets.is_floating_point()
        return Reply((said.reshape(-1, 1) if numbers else said.flatten(0, 1),), (self.answers,))

    def generate(self, model: nn.Module) -> Reply:
        """Compute the model's reply; answers are never read."""
        return self.ask(model)

    @property
    def document(self) -> None:
        """None: every set stands for itself."""
        return None

    @property
    def answers(self) -> Float[Tensor, " scored"] | Int[Tensor, " scored"]:
        """The right answers, item by item."""
        return self.targets.flatten()


def _heads(said: ModelOutput) -> tuple[Tensor, ...]:
    """Return the logits of each of a model's heads, in float32 or better."""
    return tuple(in_float32(logits) for logits in (said.logits, said.next_marks) if logits is not None)


Batch = Tokens | Sets | LabelledSets
