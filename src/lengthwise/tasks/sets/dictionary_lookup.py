"""Dictionary lookup: the value of a queried key in a set of (key, value) pairs (cf. arXiv 2504.02827).

The paper names the task; this design is ours. A key is one of 65,536 numbers, coded as 16 bits of -1 or 1, so that a
model trained on few pairs can read any key. A value is one of ten classes, one-hot. Options change both numbers. The
keys of a set are distinct and drawn uniformly; the query is one of these keys.
"""

from typing import Any

import numpy as np
import torch

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.batch import Sets
from lengthwise.tasks.drawing import coded, distinct, integers
from lengthwise.tasks.set_reading import SetReading


class DictionaryLookup(SetReading):
    """The value of a queried key in a set of pairs (cf. arXiv 2504.02827)."""

    class Options(SetReading.Options):
        bits: int = option(16, at_least=1, at_most=20)
        """Bits of a key; a set has at most one pair for each key."""
        values: int = option(10, at_least=2)
        """Number of different values."""

    options: Options

    @property
    def sizes(self) -> dict[str, Any]:
        """The sizes: an item is a key and a value, the query is a key, and the answer is a value."""
        bits, values = self.options.bits, self.options.values
        return {"item_features": bits + values, "query_features": bits, "classes": values}

    def check_length(self, length: int) -> None:
        """Refuse lengths below 1 or above the number of keys."""
        keys = 2**self.options.bits
        if not 1 <= length <= keys:
            raise InputError(f"A dictionary-lookup set has 1 to {keys:,} pairs of distinct keys; got {length:,}.")

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Sets:
        """Draw sets of ``length`` pairs, at most one for each key; both splits are the same distribution.

        Returns:
            Pairs (batch_size, length, bits + values) float32, queried keys (batch_size, bits), answers below
            ``values``.
        """
        self.check_length(length)
        self.check_split(split)
        bits, values = self.options.bits, self.options.values
        key = distinct(generator, 2**bits, batch_size, length).numpy()
        value = integers(generator, values, batch_size, length).numpy()
        holder = integers(generator, length, batch_size).numpy()
        pairs = np.concatenate([coded(key, bits), np.eye(values, dtype=np.float32)[value]], axis=-1)
        rows = np.arange(batch_size)
        return Sets(*map(torch.from_numpy, (pairs, pairs[rows, holder, :bits], value[rows, holder], holder)))
