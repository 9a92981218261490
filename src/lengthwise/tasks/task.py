"""What a task is: a function from a random generator, a batch size and a length to a batch."""

from typing import ClassVar, NamedTuple, Protocol

import torch
from jaxtyping import Bool, Int
from torch import Tensor


class Batch(NamedTuple):
    """Tokens, what follows each of them, and which of those predictions count."""

    inputs: Int[Tensor, "batch length"]
    targets: Int[Tensor, "batch length"]
    scored: Bool[Tensor, "batch length"]


class Task(Protocol):
    """A task for a decoder. It has no state: the same generator state gives the same batch."""

    vocab_size: ClassVar[int]
    """Number of different tokens."""
    splits: ClassVar[tuple[str, ...]]
    """Names of the distributions examples can come from; the first is for training, the second for validation."""

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Batch:
        """Draw ``batch_size`` sequences of ``length`` tokens; raises InputError for a length that cannot be."""
        ...
