"""What all Triton kernels share: loading, storing and multiplying tiles, and which keys of a tile a query sees.

Shapes in the kernels: M queries and N keys in a tile, D the head width, padded to a power of two.
"""

from typing import NamedTuple

import triton
import triton.language as tl
from torch import Tensor

from lengthwise.ops.contiguous import with_contiguous_rows
from lengthwise.ops.problem import TILE

INTERPRETED = triton.knobs.runtime.interpret
"""True if Triton runs its kernels in Python, on tensors of the CPU."""
LOG2_E = tl.constexpr(1.4426950408889634)
LOWEST = tl.constexpr(-1e30)
"""First value of a running maximum: finite, because minus infinity minus itself would be NaN."""
FAR = tl.constexpr(1e9)
"""A number beyond every position: positions fit into an int32, whose largest number is twice as large."""
FIRST_OF_NOBODY = tl.constexpr(2147483647)
"""Start of the document of a row that does not exist: the largest int32, beyond every key."""
COUNTED = tl.constexpr(TILE)
"""Keys in the tiles that a result counts, independent of the tiles that a kernel walks."""


class Rows(NamedTuple):
    """A (batch, heads, tokens, head_dim) tensor with a contiguous last dimension, and its strides."""

    data: Tensor
    batch: int
    head: int
    token: int

    @classmethod
    def of(cls, tensor: Tensor) -> "Rows":
        """Take the tensor itself if its last dimension is contiguous, else a copy."""
        tensor = with_contiguous_rows(tensor)
        return cls(tensor, *tensor.stride()[:3])


@triton.jit
def at(rows, batch, head):
    """Return a pointer to the first row of one head."""
    return rows.data + tl.cast(batch, tl.int64) * rows.batch + tl.cast(head, tl.int64) * rows.head


@triton.jit
def load(start, token, row, inside, width, WIDTH: tl.constexpr, WHOLE: tl.constexpr, ALL: tl.constexpr):
    """Load rows of a head, (M or N, D); rows that are not ``inside`` are zeros, and ``ALL`` says that all rows are.

    ``WHOLE`` says that the head fills the tile's width. A load without a mask can be prefetched best.
    """
    column = tl.arange(0, WIDTH)
    pointers = start + tl.cast(row, tl.int64)[:, None] * token + column[None, :]
    if WHOLE and ALL:
        return tl.load(pointers)
    if WHOLE:
        return tl.load(pointers, mask=inside[:, None], other=0.0)
    return tl.load(pointers, mask=inside[:, None] & (column < width)[None, :], other=0.0)


@triton.jit
def store(start, token, row, inside, width, tile, WIDTH: tl.constexpr):
    """Store a tile (M, D) into rows of a head, in the dtype of these rows."""
    column = tl.arange(0, WIDTH)
    pointers = start + tl.cast(row, tl.int64)[:, None] * token + column[None, :]
    tl.store(pointers, tile.to(pointers.dtype.element_ty), mask=inside[:, None] & (column < width)[None, :])


@triton.jit
def dot(left, right, INTERPRET: tl.constexpr):
    """Multiply in float32. Triton's interpreter reads the bits of a bfloat16 as an integer, so it gets float32."""
    if INTERPRET:
        return tl.dot(left.to(tl.float32), right.to(tl.float32), input_precision="ieee")
    return tl.dot(left, right, input_precision="ieee")


@triton.jit
def visible_keys(at_key, there, begin, position, oldest, DIAGONAL: tl.constexpr, DOCUMENTS: tl.constexpr):
    """Compute the mask of a tile: keys that exist (``there``), are not later than the query, and in its document."""
    visible = there[None, :]
    if DIAGONAL:
        visible = visible & (at_key[None, :] <= position[:, None])
    if DOCUMENTS:
        visible = visible & (begin[:, None] == tl.load(oldest + at_key, mask=there, other=-1)[None, :])
    return visible
