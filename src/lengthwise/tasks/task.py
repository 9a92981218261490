"""The base of tasks: a task maps a random generator, a batch size and a length to a batch."""

import copy
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.naming import Named
from lengthwise.naming import split as split_name
from lengthwise.options import BaseOptions, Value, check, declared
from lengthwise.registry import unknown
from lengthwise.tasks.batch import Batch, Sets
from lengthwise.tasks.machine import MooreMachine
from lengthwise.tasks.metrics.cross_entropy import CrossEntropy
from lengthwise.tasks.metrics.exact_match import ExactMatch
from lengthwise.tasks.metrics.metric import Loss, Metric
from lengthwise.tasks.metrics.token_accuracy import TokenAccuracy


class Task(ABC):
    """Base of every task for a model. A task has no state: the same generator state gives the same batch.

    A task declares its options in a class ``Options`` (:mod:`lengthwise.options`), takes them by keyword, and keeps
    them as ``options``.
    """

    unit: ClassVar[str]
    """Unit of a length in the plural: tokens, symbols, digits, items."""
    example: ClassVar[str]
    """Kind of an example, in the singular: sequence, window (of text), set, pair (of sets) or series."""
    model: ClassVar[str]
    """Kind of the model that can learn the task: decoder, set-reader, set-matcher or inverted-transformer."""
    stride: ClassVar[int]
    """Difference between successive lengths that examples can have."""
    shortest: ClassVar[int] = 1
    """Smallest length that examples can have; it need not be a multiple of the stride."""
    splits: ClassVar[tuple[str, ...]]
    """Names of the distributions that examples are drawn from; the first is for training, the second for validation."""
    loss: ClassVar[Loss] = CrossEntropy()
    """The loss that training minimises. It is measured together with the metrics."""
    trained_from: ClassVar[Mapping[str, float]] = MappingProxyType({})
    """The smallest value of an option in training, for options that training varies up to their own value."""
    metrics: ClassVar[tuple[Metric, ...]] = (ExactMatch(), TokenAccuracy())
    """Metrics of a model's answers. The first is the main metric, by which models are chosen and compared."""

    @property
    def title(self) -> str:
        """The name of the task in sentences: its class, as in flip-flop."""
        words = r"(?<=[a-z0-9])(?=[A-Z])|(?<=[a-z])(?=[0-9])|(?<=[A-Z])(?=[A-Z][a-z])"
        return re.sub(words, "-", type(self).__name__).lower()

    @property
    def name(self) -> str:
        """The title with the options that differ from their defaults, as in reverse[symbols=10]."""
        own = ((each, getattr(self.options, each.name)) for each in declared(type(self.options)))
        return str(Named(self.title, tuple((each.name, value) for each, value in own if value != each.default)))

    @property
    def main(self) -> Metric:
        """The metric by which models are chosen and compared."""
        return self.metrics[0]

    @property
    def measures(self) -> dict[str, Metric]:
        """All metrics by name, the main metric first, and the loss."""
        return {metric.name: metric for metric in (*self.metrics, self.loss)}

    def with_metrics(self, *metrics: Metric) -> Self:
        """Return a copy of the task with additional metrics."""
        task = copy.copy(self)
        vars(task)["metrics"] = (*self.metrics, *metrics)  # on the copy alone, not on its class
        return task

    encoded: bool = False
    """True if examples are for an encoder, whose tokens see all tokens: no input shows an answer."""

    def for_encoder(self) -> Self:
        """Return a copy of the task whose examples are for an encoder.

        Raises:
            InputError: for a task whose inputs show its answers, the default.
        """
        raise InputError(
            f"An encoder sees all tokens, and those of {self.title} show the answers; drop model.causal=false, or "
            "choose a task that labels tokens or answers with one symbol."
        )

    class Options(BaseOptions):
        """No options."""

    options: Options

    def __init__(self, **options: Value) -> None:
        self.options = self.Options.choose(self, options)

    @property
    @abstractmethod
    def sizes(self) -> dict[str, Any]:
        """The settings of the model that the task determines."""

    @property
    def names(self) -> tuple[str, ...]:
        """The name of every token, for people and for models of text; by default, its number."""
        return tuple(map(str, range(self.sizes["vocab_size"])))

    def spell(self, tokens: Sequence[int]) -> str:
        """Write tokens as text: their names, with spaces between."""
        return " ".join(self.names[token] for token in tokens)

    def spell_answer(self, answer: int) -> str:
        """Write the answer to a prediction as text; by default, it is a token."""
        return self.names[answer]

    def check_length(self, length: int) -> None:
        """Raise InputError for a length that no example can have.

        By default, a length must be a multiple of the stride, and at least the shortest. The check draws no example, so
        it is fast at any length.
        """
        if length < self.shortest or length % self.stride:
            first = -(-self.shortest // self.stride)
            few = ", ".join(str(self.stride * number) for number in range(first, first + 3))
            raise InputError(
                f"A {self.example} of {type(self).__name__} has {few} or more {self.unit}, in steps of {self.stride}; "
                f"got a length of {length}."
            )

    def check_split(self, split: str) -> None:
        """Raise InputError for a split that the task does not have."""
        if split not in self.splits:
            raise InputError(unknown(f"split of {self.title}", split, self.splits))

    def drawn_by(self, split: str) -> tuple[Self, str]:
        """Return the task and the plain split that draw the examples of ``split``.

        The examples of ``validation[operands=6]`` are validation examples of the same task with six operands, so that
        a model can be evaluated at another difficulty than it was trained for.

        Raises:
            InputError: for a split or an option that the task does not have, and for an option that changes the sizes
                of the model.
        """
        plain, changed = split_name(split)
        self.check_split(plain)
        if not changed:
            return self, plain
        chosen = check(self.title, declared(self.Options), changed)
        task = copy.copy(self)
        task.options = replace(self.options, **chosen)
        if task.sizes != self.sizes:
            raise InputError(f"The split {split!r} needs a model of other sizes than {self.title} trains.")
        return task, plain

    def tokens(self, length: int) -> int:
        """Return the number of tokens of the longest example of ``length``; by default, ``length``.

        The number bounds memory and positions; the last token is counted even if it is a target only.
        """
        return length

    @property
    def data_sha256(self) -> str | None:
        """Hash of the data that examples are drawn from; None (the default) if they come from the generator alone."""
        return None

    def check_data(self, split: str, length: int) -> None:
        """Raise InputError if the data have no examples of a plain split and a length.

        Unlike :meth:`check_length`, this check may open the data. It is made once, before a run begins. By default, it
        asks for what needs no data.
        """
        self.check_split(split)
        self.check_length(length)

    @property
    def in_crasp(self) -> bool | None:
        """True if C-RASP has the language of the task, which predicts generalisation; None if the task has none."""
        return None

    @property
    def machine(self) -> MooreMachine | None:
        """The task as a finite machine that serves every length; None (the default) if there is none, or none here."""
        return None

    def has_one_example(self, length: int) -> bool:
        """Return True if there is a single example of ``length``, which every draw gives; by default, False."""
        return False

    def largest_mark(self, length: int) -> int | None:
        """Return the largest mark in an example of ``length``, without drawing it; None (the default) without marks."""
        return None

    def joined(self, generator: torch.Generator, batch_size: int, lengths: Sequence[int], split: str) -> Batch:
        """Draw an example of each length and set them side by side, for tasks that answer a source with a sequence.

        Raises:
            InputError: for other tasks, the default.
        """
        raise InputError(self._apart)

    def joined_tokens(self, lengths: Sequence[int]) -> int:
        """Return the number of tokens of the longest example that :meth:`joined` makes of these lengths.

        Raises:
            InputError: for a task whose examples cannot be joined, the default.
        """
        raise InputError(self._apart)

    def source_places(self, length: int) -> slice:
        """Return the places of the source in an example for an encoder, whose tokens training may shuffle or mix.

        Raises:
            InputError: for a task whose examples are no source with one answer, and for a decoder, the default.
        """
        raise InputError(
            "train.shuffle and train.mix act on sources that an encoder answers with one symbol, and an example of "
            f"{self.title} is none here; drop them, or give model.causal=false to a task that has such sources."
        )

    @property
    def _apart(self) -> str:
        return (
            "train.concatenate sets sources and answers side by side, and an example of "
            f"{self.title} is no source with its whole answer; drop it."
        )

    def holders(self, batch: Batch) -> Int[Tensor, "batch predictions"] | None:
        """Return which input shows the right answer of each prediction, counted from 0; -1 where none does.

        By default, that is the item of a set that holds the answer, and None for sequences: the task does not know.
        """
        return batch.holder[:, None] if isinstance(batch, Sets) else None

    @abstractmethod
    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Batch:
        """Draw ``batch_size`` examples of ``length``; raise InputError for a length that no example can have."""
