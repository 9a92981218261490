"""What a task is: a function from a random generator, a batch size and a length to a batch."""

import copy
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import torch

from lengthwise.errors import InputError
from lengthwise.options import BaseOptions, Value
from lengthwise.tasks.batch import Batch
from lengthwise.tasks.metrics.cross_entropy import CrossEntropy
from lengthwise.tasks.metrics.exact_match import ExactMatch
from lengthwise.tasks.metrics.metric import Loss, Metric
from lengthwise.tasks.metrics.token_accuracy import TokenAccuracy


class Task(ABC):
    """Base of every task for a model. It has no state: the same generator state gives the same batch.

    What can be chosen about a task it declares in a class ``Options`` (:mod:`lengthwise.options`), takes by keyword,
    and keeps as ``options``.
    """

    unit: ClassVar[str]
    """What lengths count, in the plural: tokens or items."""
    example: ClassVar[str]
    """What is of that length: a sequence or a set."""
    model: ClassVar[str]
    """Kind of the model that can learn it: decoder or set-reader."""
    stride: ClassVar[int]
    """How far apart the lengths are that examples can have."""
    splits: ClassVar[tuple[str, ...]]
    """Names of the distributions examples can come from; the first is for training, the second for validation."""
    loss: ClassVar[Loss] = CrossEntropy()
    """What training minimises. It is measured wherever the metrics are."""
    metrics: ClassVar[tuple[Metric, ...]] = (ExactMatch(), TokenAccuracy())
    """What is measured of a model's answers. The first is the main one, by which models are chosen and compared."""

    @property
    def main(self) -> Metric:
        """The metric by which models are chosen and compared."""
        return self.metrics[0]

    @property
    def measures(self) -> dict[str, Metric]:
        """All metrics by name, the main one first, and the loss."""
        return {metric.name: metric for metric in (*self.metrics, self.loss)}

    def with_metrics(self, *metrics: Metric) -> Self:
        """The same task, of whose answers these are measured, too."""
        task = copy.copy(self)
        vars(task)["metrics"] = (*self.metrics, *metrics)  # of this one alone, and not of its class
        return task

    class Options(BaseOptions):
        """No options."""

    options: Options

    def __init__(self, **options: Value) -> None:
        self.options = self.Options.choose(self, options)

    @property
    @abstractmethod
    def sizes(self) -> dict[str, Any]:
        """The settings of that model that the task sets."""

    def check_length(self, length: int) -> None:
        """Raise InputError for a length that no example can have; by default, for all but the multiples of the stride.

        It draws nothing, so any length is answered at once.
        """
        if length < 1 or length % self.stride:
            few = ", ".join(str(self.stride * number) for number in (1, 2, 3))
            raise InputError(
                f"A {self.example} of {type(self).__name__} has {few} or more {self.unit}, in steps of {self.stride}; "
                f"got a length of {length}."
            )

    def largest_mark(self, length: int) -> int | None:
        """The largest mark in an example of ``length``; None, as by default, where there are none. Draws nothing."""
        return None

    @abstractmethod
    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Batch:
        """Draw ``batch_size`` examples of ``length``; raises InputError for a length that cannot be."""
