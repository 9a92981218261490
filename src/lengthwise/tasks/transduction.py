"""The base of tasks that answer a source with a sequence: ``begin source separator answer end``."""

import copy
from abc import abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple, Self

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.tasks.batch import UNASKED, Prompts, Tokens
from lengthwise.tasks.drawing import constant, counted
from lengthwise.tasks.machine import Answer, MooreMachine, Moves, State
from lengthwise.tasks.metrics.ending import ENDINGS
from lengthwise.tasks.metrics.metric import Metric
from lengthwise.tasks.task import Task


class Drawn(NamedTuple):
    """Sources and their answers, without the tokens around them."""

    source: Int[Tensor, "batch source"]
    answer: Int[Tensor, "batch answer"]
    """Symbols; a shorter answer is filled up with ``UNASKED`` on the right."""
    marks: tuple[Int[Tensor, "batch source"], Int[Tensor, "batch answer"]] | None = None
    """The marks of source and answer, from 1 on, where they differ between examples."""


class Transduction(Task):
    """Base of tasks that answer a source with a sequence.

    The answer and the end token after it are scored, so that a right answer is one that greedy generation would give
    and then stop. A subclass says how many ``symbols`` there are, and draws sources and answers; tokens from
    ``symbols`` on are *begin*, *separator* and *end*.

    An encoder reads ``begin source separator`` and predicts the answer, which must be one symbol; no end is asked.
    """

    unit: ClassVar[str] = "symbols"
    example: ClassVar[str] = "sequence"
    model: ClassVar[str] = "decoder"
    stride: ClassVar[int] = 1
    splits: ClassVar[tuple[str, ...]] = ("train", "validation")
    metrics: ClassVar[tuple[Metric, ...]] = (*Task.metrics, *ENDINGS)

    @property
    @abstractmethod
    def symbols(self) -> int:
        """Number of different symbols of sources and answers, which are the tokens from 0 on."""

    @property
    def sizes(self) -> dict[str, Any]:
        """The vocabulary: the symbols, *begin*, *separator* and *end*."""
        return {"vocab_size": self.symbols + 3}

    @property
    def names(self) -> tuple[str, ...]:
        """The symbols' numbers, and the three tokens around source and answer."""
        return (*map(str, range(self.symbols)), "<begin>", "<separator>", "<end>")

    def source_length(self, length: int) -> int:
        """Return the number of symbols of a source; by default, ``length``."""
        return length

    def answer_length(self, length: int) -> int:
        """Return the largest number of symbols of an answer; by default, ``length``."""
        return length

    def tokens(self, length: int) -> int:
        """Return the number of tokens: those of the source, of the longest answer, and three around them.

        For an encoder, they are those of the prompt.

        Raises:
            InputError: for an encoder, if answers have more than one symbol.
        """
        read = self.source_length(length) + self.given + 2
        asked = self.answer_length(length) - self.given
        if self.encoded and asked > 1:
            raise InputError(
                f"An encoder answers with one symbol, and an answer of {self.title} has up to {asked} at a length of "
                f"{length}; drop model.causal=false."
            )
        return read if self.encoded else read + asked + 1

    def for_encoder(self) -> Self:
        """Return a copy of the task whose examples are prompts; :meth:`tokens` refuses answers of several symbols."""
        task = copy.copy(self)
        task.encoded = True
        vars(task)["metrics"] = tuple(metric for metric in self.metrics if metric not in ENDINGS)
        return task

    @property
    def given(self) -> int:
        """Number of first symbols of every answer that are not scored, such as a query; by default, 0."""
        return 0

    @abstractmethod
    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw sources of ``length`` and their answers."""

    def asked_at_the_end(self, start: State, moves: Moves, answer: Answer) -> MooreMachine:
        """Make the machine of the task from that of its sources, for answers of one symbol.

        ``answer`` returns the answer to a source that ends in a state; None if no source ends there.
        """
        begin, separator, end = range(self.symbols, self.symbols + 3)
        finished = ("answer", end)

        def after(state: tuple[str, Any]) -> dict[int, tuple[str, Any]]:
            stage, at = state
            if stage == "source":
                right = answer(at)
                further = {symbol: ("source", to) for symbol, to in moves(at).items()}
                return further if right is None else further | {separator: ("answer", right)}
            if stage == "begin":
                return {begin: ("source", start)}
            return {} if state == finished else {at: finished}

        return MooreMachine.of(("begin", None), after, lambda state: state[1] if state[0] == "answer" else None)

    def places(self, length: int) -> tuple[Int[Tensor, " source"], Int[Tensor, " answer"]] | None:
        """Return the marks of source and answer, from 1 on; None (the default) if symbols play no common role.

        A subclass whose marks differ between examples draws the marks, and defines :meth:`largest_mark`.
        """
        return None

    def largest_mark(self, length: int) -> int | None:
        """Return the largest mark of a source or an answer."""
        places = self.places(length)
        return None if places is None else int(torch.cat(places).max())

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        """Draw ``begin source separator answer end``; the inputs are all tokens but the last.

        Returns:
            A batch of (batch_size, tokens(length) - 1) tokens. The predictions of the answer and of the end token are
            scored. An end token fills up what follows a shorter answer, and is not scored there. For an encoder, a
            batch of (batch_size, tokens(length)) tokens, whose last predictions are scored.
        """
        self.check_length(length)
        self.check_split(split)
        self.tokens(length)
        drawn = self.draw(generator, batch_size, length, split)
        whole = self._sequences(drawn, _marks(*drawn.marks) if drawn.marks else _common_marks(self, length))
        return Prompts.of(whole) if self.encoded else whole

    def source_places(self, length: int) -> slice:
        """Return the places of the source, between *begin* and *separator*.

        Raises:
            InputError: for a decoder.
        """
        return slice(1, 1 + self.source_length(length)) if self.encoded else super().source_places(length)

    def joined(self, generator: torch.Generator, batch_size: int, lengths: Sequence[int], split: str) -> Tokens:
        """Draw an example of each length, and set their sources and their answers side by side (arXiv 2109.07276).

        Returns:
            A batch as :meth:`sample` returns it, without marks.

        Raises:
            InputError: for a length that no example can have, and for a task whose answers begin with a query.
        """
        self.joined_tokens(lengths)
        for length in lengths:
            self.check_length(length)
        self.check_split(split)
        parts = [self.draw(generator, batch_size, length, split) for length in lengths]
        source = torch.cat([part.source for part in parts], dim=1)
        answer = torch.cat([part.answer for part in parts], dim=1)
        first = torch.sort(answer != UNASKED, dim=1, descending=True, stable=True).indices
        return self._sequences(Drawn(source, answer.gather(1, first)), None)

    def joined_tokens(self, lengths: Sequence[int]) -> int:
        """Return the number of tokens of the longest example that :meth:`joined` makes of these lengths.

        Raises:
            InputError: for a task whose answers begin with a query, and for an encoder.
        """
        if self.given or self.encoded:
            return super().joined_tokens(lengths)
        return sum(self.source_length(length) + self.answer_length(length) for length in lengths) + 3

    def _sequences(self, drawn: Drawn, marks: Int[Tensor, "*batch inputs"] | None) -> Tokens:
        """Put the tokens around sources and answers."""
        source, answer = drawn.source, drawn.answer
        batch_size, prompt = len(source), source.shape[1] + 2
        begin, separator, end = _around(self.symbols, batch_size)
        tokens = torch.cat([begin, source, separator, answer, end], dim=1)
        there = tokens != UNASKED
        tokens = torch.where(there, tokens, end)
        # Scored is the prediction after each symbol of the answer, and after the separator or what is given behind it.
        scored = there[:, :-1] & _late(tokens.shape[1] - 1, prompt - 1 + self.given)
        marks = tokens[:, :0] if marks is None else marks.expand(batch_size, -1)
        return Tokens(inputs=tokens[:, :-1], targets=tokens[:, 1:], scored=scored, marks=marks)


@lru_cache
def _around(symbols: int, batch_size: int) -> tuple[Int[Tensor, "batch 1"], ...]:
    """Return the columns of *begin*, *separator* and *end*."""
    return tuple(constant(token, batch_size, 1) for token in range(symbols, symbols + 3))


@lru_cache
def _late(columns: int, first: int) -> Bool[Tensor, " columns"]:
    """Return True for the columns from ``first`` on."""
    return counted(columns) >= first


@lru_cache
@torch.inference_mode(False)  # or gradients could not pass the marks later, if these were drawn first without gradients
def _common_marks(task: Transduction, length: int) -> Int[Tensor, " inputs"] | None:
    """Return the marks of all inputs of every example of a length; None without marks."""
    places = task.places(length)
    return None if places is None else _marks(*places)


def _marks(source: Int[Tensor, "*batch source"], answer: Int[Tensor, "*batch answer"]) -> Int[Tensor, "*batch inputs"]:
    """Return the marks of all inputs; the tokens around source and answer have mark 0."""
    around = torch.zeros_like(source[..., :1])
    return torch.cat([around, source, around, answer], dim=-1)
