r"""Latent retrieval: the payload of the item that shares two latent variables with the query (arXiv 2602.04752).

An item is :math:`x_i = A_1 u_i + A_2 v_i + e_{y_i} + \epsilon`, with latents :math:`u_i \in \{-1, 1\}^N` and
:math:`v_i \in \{-1, 1\}^M`, a payload :math:`y_i` out of ten, and noise of deviation 0.01; all have 32 components. The
query is :math:`B_1 u + B_2 v + \epsilon` with the latents of one item, whose payload is the answer. Items are
independent, so that another item may have the same latents. The matrices are fixed: entries of :math:`A_1` and
:math:`B_1` are normal with variance :math:`1 / N`, of :math:`A_2` and :math:`B_2` with :math:`1 / M`, and those of
:math:`e` with :math:`1 / 32`.

A model compares two factors at once, and :mod:`lengthwise.probes.covariances` finds them apart in its keys.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.options import option
from lengthwise.tasks.batch import Sets
from lengthwise.tasks.drawing import coded, counted, integers
from lengthwise.tasks.set_reading import SetReading

WIDTH, PAYLOADS, NOISE = 32, 10, 0.01


class Contrast(NamedTuple):
    """Queries with two items each, which differ in one latent variable alone."""

    query: Float[Tensor, "pairs features"]
    alike: Float[Tensor, "pairs features"]
    """Items that share the variable with the query."""
    other: Float[Tensor, "pairs features"]
    """Items whose variable is drawn anew; the second variable is that of ``alike``, and not of the query."""


class LatentRetrieval(SetReading):
    """The payload of the item that has the query's two latent variables (arXiv 2602.04752)."""

    class Options(SetReading.Options):
        first: int = option(3, at_least=1, at_most=16)
        """N, the number of bits of the first variable."""
        second: int = option(5, at_least=1, at_most=16)
        """M, the number of bits of the second variable."""

    options: Options

    @property
    def sizes(self) -> dict[str, Any]:
        """The sizes: items and queries have 32 components, and the answer is a payload."""
        return {"item_features": WIDTH, "query_features": WIDTH, "classes": PAYLOADS}

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Sets:
        """Draw sets of ``length`` items; both splits are the same distribution.

        Returns:
            Items (batch_size, length, 32) float32, queries (batch_size, 32), payloads below 10.
        """
        self.check_length(length)
        self.check_split(split)
        first, second = (integers(generator, 2**bits, batch_size, length) for bits in self._widths)
        payload = integers(generator, PAYLOADS, batch_size, length)
        holder = integers(generator, length, batch_size)
        rows = counted(batch_size)
        query = self._query(generator, first[rows, holder], second[rows, holder])
        return Sets(self._item(generator, first, second, payload), query, payload[rows, holder], holder)

    def contrast(self, generator: torch.Generator, pairs: int, factor: int) -> Contrast:
        """Draw queries with two items that differ in the variable ``factor``, 0 or 1, alone.

        Payloads and noise of the two items are independent, so that they cancel in a mean.
        """
        asked, fresh, shared = ([integers(generator, 2**bits, pairs) for bits in self._widths] for _ in range(3))
        alike, other = list(shared), list(shared)
        alike[factor], other[factor] = asked[factor], fresh[factor]
        items = (
            self._item(generator, first, second, integers(generator, PAYLOADS, pairs))
            for first, second in (alike, other)
        )
        return Contrast(self._query(generator, *asked), *items)

    @property
    def _widths(self) -> tuple[int, int]:
        return self.options.first, self.options.second

    def _item(
        self,
        generator: torch.Generator,
        first: Int[Tensor, "*shape"],
        second: Int[Tensor, "*shape"],
        payload: Int[Tensor, "*shape"],
    ) -> Float[Tensor, "*shape features"]:
        of_first, of_second, _, _, of_payload = _tables(*self._widths)
        return _noisy(generator, (first, of_first), (second, of_second), (payload, of_payload))

    def _query(
        self, generator: torch.Generator, first: Int[Tensor, " batch"], second: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch features"]:
        _, _, of_first, of_second, _ = _tables(*self._widths)
        return _noisy(generator, (first, of_first), (second, of_second))


@cache
def _matrices(first: int, second: int) -> tuple[Tensor, ...]:
    """Return the transposed matrices of items and of queries, and the embeddings of payloads: the same in every run."""
    generator = torch.Generator().manual_seed(0)
    drawn = (
        torch.randn(rows, WIDTH, generator=generator, dtype=torch.float32, device="cpu") / scale**0.5
        for rows, scale in ((first, first), (second, second)) * 2 + ((PAYLOADS, WIDTH),)
    )
    return tuple(drawn)


@cache
def _tables(first: int, second: int) -> tuple[Tensor, ...]:
    """Return the products of the matrices of :func:`_matrices` with every value of their variables, by its number."""
    *matrices, embedding = _matrices(first, second)
    return (
        *(torch.from_numpy(coded(np.arange(2 ** len(matrix)), len(matrix))).float() @ matrix for matrix in matrices),
        embedding,
    )


def _noisy(
    generator: torch.Generator, *parts: tuple[Int[Tensor, "*shape"], Float[Tensor, "_ features"]]
) -> Float[Tensor, "*shape features"]:
    """Add what the tables have for values, and noise."""
    shape = (*parts[0][0].shape, WIDTH)
    vectors = torch.randn(shape, generator=generator, dtype=torch.float32, device="cpu").mul_(NOISE)
    for values, table in parts:
        vectors += F.embedding(values, table)
    return vectors
