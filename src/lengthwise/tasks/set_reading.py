"""The base of tasks in which a query reads a set of items that have no order."""

from typing import ClassVar

from lengthwise.tasks.metrics.causes import OF_SETS
from lengthwise.tasks.metrics.metric import Metric
from lengthwise.tasks.task import Task


class SetReading(Task):
    """Base of tasks that ask for one answer about a set. A length counts the items."""

    unit: ClassVar[str] = "items"
    example: ClassVar[str] = "set"
    model: ClassVar[str] = "set-reader"
    stride: ClassVar[int] = 1
    splits: ClassVar[tuple[str, ...]] = ("train", "validation")
    metrics: ClassVar[tuple[Metric, ...]] = OF_SETS
