"""What a task is: a function from a random generator, a batch size and a length to a batch."""

from typing import Any, ClassVar, Protocol

import torch

from lengthwise.tasks.batch import Batch


class Task(Protocol):
    """A task for a model. It has no state: the same generator state gives the same batch."""

    unit: ClassVar[str]
    """What lengths count, in the plural: tokens or items."""
    example: ClassVar[str]
    """What is of that length: a sequence or a set."""
    model: ClassVar[str]
    """Kind of the model that can learn it: decoder or set-reader."""
    stride: ClassVar[int]
    """How far apart the lengths are that examples can have."""
    sizes: ClassVar[dict[str, Any]]
    """The settings of that model that the task sets."""
    splits: ClassVar[tuple[str, ...]]
    """Names of the distributions examples can come from; the first is for training, the second for validation."""

    def check_length(self, length: int) -> None:
        """Raise InputError for a length that no example can have. Draws nothing, so any length is answered at once."""
        ...

    def largest_mark(self, length: int) -> int | None:
        """The largest mark in an example of ``length``; None where the task gives no marks. Draws nothing."""
        ...

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Batch:
        """Draw ``batch_size`` examples of ``length``; raises InputError for a length that cannot be."""
        ...
