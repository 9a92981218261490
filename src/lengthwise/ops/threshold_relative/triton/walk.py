r"""What the Triton kernels share: how a tile of scores becomes logits, and how far a walk still has to go.

The walk is that of the blockwise backend, a tile of queries against tiles of keys from the newest to the oldest. Logits
are in base 2, since the GPU's exponential is.

**One score, one value.** A key whose score is within rounding of the threshold must be kept by all kernels or by none.
Every score tile is therefore the same product of queries and keys along the head width: in half precision on the matrix
units, of at least 64 queries, and otherwise in plain float32. A tile's other sizes do not change the order of a sum.

**No running maximum.** The newest kept key has a logit above ``limit * scale``, and none exceeds the bound
:math:`B = |q| \max_j |k_j| \cdot \text{scale}`. Where :math:`2^B` is far from overflow, which it is for RMS-normalised
rows of any width up to 1,024, exponentials are taken as they are, and partial sums add up. Other rows are walked again
with care, and so are those that meet a broken value.

Shapes in this folder: M queries and N keys in a tile, D the head width, padded to a power of two.
"""

from typing import NamedTuple

import triton
import triton.language as tl
from torch import Tensor

from lengthwise.ops.threshold_relative.contiguous import with_contiguous_rows
from lengthwise.ops.threshold_relative.problem import TILE

INTERPRETED = triton.knobs.runtime.interpret
"""Whether Triton runs its kernels in Python, on tensors of the CPU."""
LOG2_E = tl.constexpr(1.4426950408889634)
LOWEST = tl.constexpr(-1e30)
"""Of slopes, and what a running maximum starts with: finite, because -inf * 0 and -inf less -inf would be NaN."""
FLATTEST = tl.constexpr(1e-30)
"""Of slopes that something is divided by: a gate of 1 divides by this, and 1e30 is still a float32."""
FAR = tl.constexpr(1e9)
"""Past every position: positions fit into an int32, whose largest number is twice this."""
FIRST_OF_NOBODY = tl.constexpr(2147483647)
"""Where the document of a row begins that is not there: the largest int32, past every key."""
COUNTED = tl.constexpr(TILE)
"""Keys in the tiles that are counted for ``visited_tiles``, whatever tiles a kernel walks."""


class Rows(NamedTuple):
    """A (batch, heads, tokens, head_dim) tensor with a contiguous last dimension, and its strides."""

    data: Tensor
    batch: int
    head: int
    token: int

    @classmethod
    def of(cls, tensor: Tensor) -> "Rows":
        """The tensor itself where its last dimension is contiguous, else a copy."""
        tensor = with_contiguous_rows(tensor)
        return cls(tensor, *tensor.stride()[:3])


@triton.jit
def at(rows, batch, head):
    """Where the rows of one head begin."""
    return rows.data + tl.cast(batch, tl.int64) * rows.batch + tl.cast(head, tl.int64) * rows.head


@triton.jit
def load(start, token, row, inside, width, WIDTH: tl.constexpr, WHOLE: tl.constexpr, ALL: tl.constexpr):
    """Some rows of a head, (M or N, D): those not ``inside`` as zeros, unless ``ALL`` are.

    The head fills the tile's width where it is ``WHOLE``, and a load without a mask is one that can be prefetched best.
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
    """A tile (M, D) into some rows of a head, in the dtype that these have."""
    column = tl.arange(0, WIDTH)
    pointers = start + tl.cast(row, tl.int64)[:, None] * token + column[None, :]
    tl.store(pointers, tile.to(pointers.dtype.element_ty), mask=inside[:, None] & (column < width)[None, :])


@triton.jit
def dot(left, right, INTERPRET: tl.constexpr):
    """Product in float32. Triton's interpreter takes the bits of a bfloat16 for an integer, so it gets float32."""
    if INTERPRET:
        return tl.dot(left.to(tl.float32), right.to(tl.float32), input_precision="ieee")
    return tl.dot(left, right, input_precision="ieee")


@triton.jit
def slopes(log_forget, inside):
    """Gates in base 2; NaN where one is above 1, because a kernel cannot raise."""
    slope = tl.load(log_forget, mask=inside, other=0.0) * LOG2_E
    slope = tl.where(slope > 0.0, float("nan"), slope)
    return tl.where(slope < LOWEST, LOWEST, slope)


@triton.jit
def bounds(query, key_norm, of_keys, position, inside, scale, largest_key_norm, NORMS: tl.constexpr):
    """What no logit of a query exceeds (M,): |q| times the largest norm of its keys, known or looked up."""
    wide = query.to(tl.float32)
    bound = tl.sqrt(tl.sum(wide * wide, 1)) * (scale * LOG2_E)
    if NORMS:
        return bound * tl.load(key_norm + of_keys + position, mask=inside, other=0.0)
    return bound * largest_key_norm


@triton.jit
def visible_keys(at_key, there, begin, position, oldest, DIAGONAL: tl.constexpr, DOCUMENTS: tl.constexpr):
    """Which keys of a tile each query may look at: that are ``there``, not later, and of its own document."""
    visible = there[None, :]
    if DIAGONAL:
        visible = visible & (at_key[None, :] <= position[:, None])
    if DOCUMENTS:
        visible = visible & (begin[:, None] == tl.load(oldest + at_key, mask=there, other=-1)[None, :])
    return visible


@triton.jit
def logits_and_kept(
    query,
    key,
    slope,
    start,
    visible,
    limit,
    scale,
    MASKED: tl.constexpr,
    BY_PRODUCT: tl.constexpr,
    INTERPRET: tl.constexpr,
):
    """Logits (M, N) in base 2, which keys are kept, that as numbers, how many newer ones are, and how many all (M,).

    The counts are of this tile; ``start`` is what newer tiles, and whatever else is the same for a row, add to its
    logits. Counting is a running sum or, on the matrix units, a product with a triangle of ones; both give integers.
    """
    N: tl.constexpr = key.shape[0]
    products = dot(query, tl.trans(key), INTERPRET)
    # NaN, also that of a gate, is no reason to drop a key: it has to show.
    kept = (products <= (limit + 0.0 * slope)[:, None]) == 0
    if MASKED:
        kept = kept & visible
    ones = tl.where(kept, 1.0, 0.0)
    count = tl.sum(ones, 1)
    if BY_PRODUCT:
        triangle = tl.where(tl.arange(0, N)[:, None] > tl.arange(0, N)[None, :], 1.0, 0.0)
        newer = dot(ones.to(tl.bfloat16), triangle.to(tl.bfloat16), INTERPRET)
    else:
        newer = count[:, None] - tl.cumsum(ones, 1)
    logits = (products * (scale * LOG2_E) + start[:, None]) + slope[:, None] * newer
    return logits, kept, ones, newer, count


@triton.jit
def keys_to_go(bound, slope, newer, shift, total, left, log_tolerance):
    """After how many more kept keys each query has met its horizon at the latest; 0 where it has met it.

    This is the bound of ``docs/horizon.md`` in base 2. Each kept key lowers it by the slope. So a walk may go on for so
    many keys before it asks again, and without skipping it asks once.
    """
    steep = tl.maximum(-slope, FLATTEST)
    terms = tl.minimum((steep + LOG2_E) / steep, tl.maximum(left, 1).to(tl.float32))
    excess = bound + tl.log2(terms) + slope * newer - shift - tl.log2(total) - log_tolerance
    needed = tl.where(excess > 0.0, excess / steep, 0.0)
    needed = tl.where(total == 0.0, 1.0, needed)  # nothing is known yet
    needed = tl.where(bound == bound, needed, float("inf"))  # a NaN among the keys is still to be met
    over = (left <= 0) | (total != total) | (total == float("inf"))
    return tl.where(over, 0.0, needed)


@triton.jit
def tiles_to_go(needed, left, N: tl.constexpr):
    """How many tiles of the ``left`` ones to walk before the question is asked again; 0 when all queries are done."""
    keys = tl.minimum(tl.max(needed, 0), FAR)
    return tl.minimum(tl.ceil(keys / N).to(tl.int32), left)
