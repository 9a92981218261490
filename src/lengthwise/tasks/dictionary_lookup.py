"""Dictionary lookup: the value that a set of (key, value) pairs holds for a queried key (cf. arXiv 2504.02827).

The paper names the task; this design is ours. A key is one of 65,536, coded as its 16 bits, each -1 or 1, so that a
model trained on few pairs knows how to read any key. A value is one of ten classes, one-hot. The keys of a set are
distinct, every choice as likely; the query is one of them.
"""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.registry import unknown
from lengthwise.tasks.batch import Sets
from lengthwise.tasks.metrics.causes import OF_SETS
from lengthwise.tasks.metrics.metric import Metric
from lengthwise.tasks.task import Task

BITS = 16
KEYS = 2**BITS
VALUES = 10
DENSE = 256
"""Pairs beyond which distinct keys come from shuffling all of them; fewer are drawn again where they repeat."""


class DictionaryLookup(Task):
    """The value of a queried key in a set of pairs (cf. arXiv 2504.02827)."""

    unit: ClassVar[str] = "items"
    example: ClassVar[str] = "set"
    model: ClassVar[str] = "set-reader"
    stride: ClassVar[int] = 1
    sizes: ClassVar[dict[str, Any]] = {"item_features": BITS + VALUES, "query_features": BITS, "classes": VALUES}
    splits: ClassVar[tuple[str, ...]] = ("train", "validation")
    metrics: ClassVar[tuple[Metric, ...]] = OF_SETS

    def check_length(self, length: int) -> None:
        """From 1 to the number of keys."""
        if not 1 <= length <= KEYS:
            raise InputError(f"A dictionary-lookup set has 1 to {KEYS:,} pairs of distinct keys; got {length:,}.")

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Sets:
        """Sets of ``length`` pairs, at most 65,536; both splits are the same distribution.

        Returns:
            Pairs (batch_size, length, 26) float32, queried keys (batch_size, 16), values from 0 to 9.
        """
        self.check_length(length)
        if split not in self.splits:
            raise InputError(unknown("split of dictionary-lookup", split, self.splits))
        key = _distinct(generator, batch_size, length)
        value = torch.randint(VALUES, (batch_size, length), generator=generator, dtype=torch.long, device="cpu")
        holder = torch.randint(length, (batch_size,), generator=generator, dtype=torch.long, device="cpu")
        asked, answer = (of.gather(1, holder[:, None])[:, 0] for of in (key, value))
        return Sets(torch.cat([_bits(key), F.one_hot(value, VALUES)], dim=-1), _bits(asked), answer, holder)


def _distinct(generator: torch.Generator, batch: int, count: int) -> Int[Tensor, "batch count"]:
    """Rows of distinct keys."""
    if count > DENSE:
        return torch.rand(batch, KEYS, generator=generator, dtype=torch.float32, device="cpu").argsort(1)[:, :count]
    keys = torch.randint(KEYS, (batch, count), generator=generator, dtype=torch.long, device="cpu")
    while (repeats := (keys.sort(1).values.diff(dim=1) == 0).any(1)).any():
        shape = (int(repeats.sum()), count)
        keys[repeats] = torch.randint(KEYS, shape, generator=generator, dtype=torch.long, device="cpu")
    return keys


def _bits(key: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape 16"]:
    """The bits of keys as -1 and 1, lowest first."""
    return (key[..., None] >> torch.arange(BITS, dtype=torch.long, device="cpu") & 1).to(torch.float32) * 2 - 1
