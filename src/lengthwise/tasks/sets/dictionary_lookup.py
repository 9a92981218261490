"""Dictionary lookup: the value of a queried key in a set of (key, value) pairs (cf. arXiv 2504.02827).

The paper names the task; this design is ours. A key is one of 65,536 numbers, coded as 16 bits of -1 or 1, so that a
model trained on few pairs can read any key. A value is one of ten classes, one-hot. Options change both numbers. The
keys of a set are distinct and drawn uniformly; the query is one of these keys.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.batch import Sets
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
        key = _distinct(generator, batch_size, length, bits)
        value = torch.randint(values, (batch_size, length), generator=generator, dtype=torch.long, device="cpu")
        holder = torch.randint(length, (batch_size,), generator=generator, dtype=torch.long, device="cpu")
        asked, answer = (of.gather(1, holder[:, None])[:, 0] for of in (key, value))
        pairs = torch.cat([_coded(key, bits), F.one_hot(value, values)], dim=-1)
        return Sets(pairs, _coded(asked, bits), answer, holder)


def _distinct(generator: torch.Generator, batch: int, count: int, bits: int) -> Int[Tensor, "batch count"]:
    """Draw rows of distinct keys: long rows by shuffling all keys, short rows by redrawing rows with repeats."""
    every = 2**bits
    if count > 2 ** (bits // 2):  # beyond this, most rows would have to be redrawn
        return torch.rand(batch, every, generator=generator, dtype=torch.float32, device="cpu").argsort(1)[:, :count]
    keys = torch.randint(every, (batch, count), generator=generator, dtype=torch.long, device="cpu")
    while (repeats := (keys.sort(1).values.diff(dim=1) == 0).any(1)).any():
        shape = (int(repeats.sum()), count)
        keys[repeats] = torch.randint(every, shape, generator=generator, dtype=torch.long, device="cpu")
    return keys


def _coded(key: Int[Tensor, "*shape"], bits: int) -> Float[Tensor, "*shape {bits}"]:
    """Return the bits of keys as -1 and 1, lowest bit first."""
    return (key[..., None] >> torch.arange(bits, dtype=torch.long, device="cpu") & 1).to(torch.float32) * 2 - 1
