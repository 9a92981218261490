"""Random draws of tasks: tensors on the CPU, in fixed dtypes, from a given generator alone.

A task that draws with these functions gives the same batch on every device and under every default dtype. With few
numbers numpy calculates faster than torch, and a task can take what is drawn as an array: ``integers(…).numpy()``.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

SORTED = 64
"""So many integers are put into a random order faster than repeats among a few of them are found."""


def integers(generator: torch.Generator, below: int, *shape: int, least: int = 0) -> Int[Tensor, "..."]:
    """Draw integers from ``least`` to ``below - 1``, uniformly, int64."""
    return torch.randint(least, below, shape, generator=generator, dtype=torch.long, device="cpu")


def uniform(generator: torch.Generator, *shape: int) -> Float[Tensor, "..."]:
    """Draw numbers from 0 to 1, uniformly, float64."""
    return torch.rand(shape, generator=generator, dtype=torch.float64, device="cpu")


def distinct(generator: torch.Generator, below: int, rows: int, count: int) -> Int[Tensor, "rows count"]:
    """Draw ``count`` different integers from 0 to ``below - 1`` for each row, in random order, int64."""
    if below <= SORTED or 4 * count > below:
        return uniform(generator, rows, below).topk(count, largest=False).indices
    # Repeats are drawn again. This treats all integers alike, so that all rows of different ones are equally likely.
    drawn = integers(generator, below, rows, count)
    while _any_repeated(drawn):
        again = repeated(drawn)
        drawn[again] = integers(generator, below, int(again.sum()))
    return drawn


def _any_repeated(values: Int[Tensor, "rows columns"]) -> bool:
    """Return True if two values of a row are equal, which takes less time than to find out which."""
    ordered = np.sort(values.numpy(), axis=1)
    return bool((ordered[:, 1:] == ordered[:, :-1]).any())


def avoiding(
    generator: torch.Generator, below: int, avoided: Int[Tensor, "rows avoided"], count: int
) -> Int[Tensor, "rows {count}"]:
    """Draw ``count`` integers from 0 to ``below - 1`` for each row, uniformly, int64.

    None of the integers is among the row's ``avoided``, which are different from each other.
    """
    drawn = integers(generator, below - avoided.shape[1], avoided.shape[0], count)
    # The integers that are left are numbered from 0 on: from the n-th avoided one on, n fewer are left.
    left = avoided.sort(1).values - counted(avoided.shape[1])
    return drawn + torch.searchsorted(left, drawn, right=True)


def repeated(values: Int[Tensor, "rows columns"]) -> Bool[Tensor, "rows columns"]:
    """Return True for each value that stands in its row before."""
    ordered, order = values.sort(dim=1, stable=True)
    again = torch.zeros_like(values, dtype=torch.bool)
    return again.scatter_(1, order[:, 1:], ordered[:, 1:] == ordered[:, :-1])


def first_equal(values: Int[Tensor, "rows columns"]) -> Int[Tensor, "rows columns"]:
    """Return for each value the column in which it occurs first in its row, int64."""
    order = values.argsort(dim=1, stable=True)
    ordered = values.gather(1, order)
    new = F.pad(ordered[:, 1:] != ordered[:, :-1], (1, 0), value=True)
    first = torch.where(new, counted(values.shape[1]), 0).cummax(1).values
    return torch.empty_like(values).scatter(1, order, order.gather(1, first))


def orders(generator: torch.Generator, rows: int, count: int) -> Int[Tensor, "{rows} {count}"]:
    """Draw the integers from 0 to ``count - 1`` in random order for each row, int64."""
    return torch.from_numpy(uniform(generator, rows, count).numpy().argsort(1))  # numpy sorts several times faster


def shuffled(generator: torch.Generator, values: Int[Tensor, "rows columns"]) -> Int[Tensor, "rows columns"]:
    """Return the values of each row in random order."""
    return values.gather(1, orders(generator, *values.shape))


def one_hot(values: Int[Tensor, "*shape"], kinds: int) -> Float[Tensor, "*shape {kinds}"]:
    """Return a vector for each value, with a 1 at the place of the value and 0 elsewhere, float32."""
    return F.embedding(values, _unit_vectors(kinds))


@lru_cache(maxsize=8)
def _unit_vectors(kinds: int) -> Float[Tensor, "{kinds} {kinds}"]:
    return torch.eye(kinds, dtype=torch.float32, device="cpu")


def coded(numbers: Int[np.ndarray, "*shape"], bits: int) -> Int[np.ndarray, "*shape {bits}"]:
    """Return the bits of numbers below 2^32 as -1 and 1, lowest bit first, int8."""
    packed = numbers.astype("<u4")[..., None].view(np.uint8)
    return 2 * np.unpackbits(packed, axis=-1, count=bits, bitorder="little").view(np.int8) - 1


def in_order(
    items: Float[Tensor, "batch items features"], order: Int[Tensor, "batch items"]
) -> Float[Tensor, "batch items features"]:
    """Return the items of each example in a given order."""
    return F.embedding(order + items.shape[1] * counted(len(items))[:, None], items.flatten(0, 1))


def weighted(generator: torch.Generator, weights: Sequence[float], *shape: int) -> Int[Tensor, "..."]:
    """Draw indices of ``weights``, each with a probability proportional to its weight, int64."""
    bounds = torch.tensor(weights, dtype=torch.float64, device="cpu").cumsum(0)
    return torch.searchsorted(bounds / bounds[-1], uniform(generator, *shape), right=True)


def counted(stop: int, *, start: int = 0) -> Int[Tensor, " count"]:
    """Return the integers from ``start`` to ``stop - 1``, int64."""
    return torch.arange(start, stop, dtype=torch.long, device="cpu")


def constant(value: int, *shape: int) -> Int[Tensor, "..."]:
    """Return a tensor filled with ``value``, int64."""
    return torch.full(shape, value, dtype=torch.long, device="cpu")


def bits_with(generator: torch.Generator, ones: Int[Tensor, " rows"], length: int) -> Int[Tensor, "rows {length}"]:
    """Draw ``length`` bits for each row, with a given number of ones at random places, int64."""
    return shuffled(generator, (counted(length) < ones[:, None]).long())


def redrawn(
    draw: Callable[[int], Int[Tensor, "rows ..."]],
    wanted: Callable[[Int[Tensor, "rows ..."]], Bool[Tensor, " rows"]],
    rows: int,
) -> Int[Tensor, "rows ..."]:
    """Draw rows with ``draw``, which is told how many, and draw each row again until it is ``wanted``."""
    found = draw(rows)
    left = (~wanted(found)).nonzero()[:, 0]
    while len(left):
        found[left] = draw(len(left))
        left = left[~wanted(found[left])]
    return found


def occurrences(values: Int[Tensor, "rows columns"], below: int) -> Int[Tensor, "rows {below}"]:
    """Count how often each integer from 0 to ``below - 1`` occurs in each row, int64."""
    return constant(0, len(values), below).scatter_add(1, values, constant(1, *values.shape))
