"""The base of tasks that label tokens: ``begin symbol symbol …``, with a class as the answer to each token."""

import copy
from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple, Self

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.tasks.batch import UNASKED, Labels, WholeLabels
from lengthwise.tasks.drawing import constant
from lengthwise.tasks.machine import Answer, MooreMachine, Moves, State
from lengthwise.tasks.task import Task


class Labelled(NamedTuple):
    """Symbols with their labels."""

    symbols: Int[Tensor, "batch symbols"]
    labels: Int[Tensor, "batch symbols+1"]
    """The labels of the begin token and of the symbols; ``UNASKED`` for a token that is not scored."""


class Labelling(Task):
    """Base of tasks that label tokens.

    A label is a class, which no later token shows: the model never reads its answers. A subclass says how many
    ``symbols`` and ``classes`` there are, and draws symbols and labels. The token after the symbols is *begin*.
    """

    unit: ClassVar[str] = "symbols"
    example: ClassVar[str] = "sequence"
    model: ClassVar[str] = "decoder"
    stride: ClassVar[int] = 1
    splits: ClassVar[tuple[str, ...]] = ("train", "validation")

    @property
    @abstractmethod
    def symbols(self) -> int:
        """Number of different symbols, which are the tokens from 0 on."""

    @property
    @abstractmethod
    def classes(self) -> int:
        """Number of different labels."""

    @property
    def sizes(self) -> dict[str, Any]:
        """The vocabulary, large enough for the symbols with *begin*, and for the labels."""
        return {"vocab_size": max(self.symbols + 1, self.classes)}

    @property
    def names(self) -> tuple[str, ...]:
        """The symbols' numbers, *begin*, and the numbers of the labels that are more than these."""
        return (*map(str, range(self.symbols)), "<begin>", *map(str, range(self.symbols + 1, self.classes)))

    def spell_answer(self, answer: int) -> str:
        """Write a label as text: its number."""
        return str(answer)

    def tokens(self, length: int) -> int:
        """Return the number of tokens: the symbols and *begin*."""
        return length + 1

    def for_encoder(self) -> Self:
        """Return a copy of the task whose examples an encoder reads at once."""
        task = copy.copy(self)
        task.encoded = True
        return task

    @abstractmethod
    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Labelled:
        """Draw sequences of ``length`` symbols with their labels."""

    def begun(self, start: State, moves: Moves, answer: Answer) -> MooreMachine:
        """Make the machine of the task from that of its symbols: *begin* leads to ``start``."""
        return MooreMachine.of(
            None,
            lambda state: {self.symbols: start} if state is None else moves(state),
            lambda state: None if state is None else answer(state),
        )

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Labels:
        """Draw ``begin symbol symbol …``.

        Returns:
            A batch of (batch_size, length + 1) tokens. The labelled tokens are scored.
        """
        self.check_length(length)
        self.check_split(split)
        symbols, labels = self.draw(generator, batch_size, length, split)
        inputs = torch.cat([constant(self.symbols, batch_size, 1), symbols], dim=1)
        kind = WholeLabels if self.encoded else Labels
        return kind(inputs, labels.clamp(min=0), scored=labels != UNASKED, marks=inputs[:, :0])
