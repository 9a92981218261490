r"""The parts that the Triton kernels share: how a tile of scores becomes logits, and how far a walk still has to go.

The walk is the blockwise backend's: a tile of queries against tiles of keys from the newest to the oldest. Logits are
in base 2, because the GPU's exponential is.

**One score, one value.** If a key's score is within rounding of the threshold, either all kernels must keep the key or
none. Every score tile is therefore the same product of queries and keys along the head width: in half precision on the
matrix units, with at least 64 queries, and otherwise in plain float32. A tile's other sizes do not change the order of
a sum.

**No running maximum.** The newest kept key has a logit above ``limit * scale``, and no logit exceeds the bound
:math:`B = |q| \max_j |k_j| \cdot \text{scale}`. If :math:`2^B` is far from overflow, as for RMS-normalised rows of any
width up to 1,024, exponentials are computed without a shift, and partial sums add up. A careful second launch walks the
other rows again, and also the rows that meet a broken value.

Tiles are as in :mod:`lengthwise.ops.triton.tiles`.
"""

import triton
import triton.language as tl

from lengthwise.ops.triton.tiles import FAR, LOG2_E, LOWEST, dot

FLATTEST = tl.constexpr(1e-30)
"""Smallest absolute slope in a division: a gate of 1 divides by this number, and 1e30 is still a float32."""


@triton.jit
def slopes(log_forget, inside):
    """Load the logarithms of gates in base 2; a gate above 1 becomes NaN, because a kernel cannot raise an error."""
    slope = tl.load(log_forget, mask=inside, other=0.0) * LOG2_E
    slope = tl.where(slope > 0.0, float("nan"), slope)
    return tl.where(slope < LOWEST, LOWEST, slope)


@triton.jit
def bounds(query, key_norm, of_keys, position, inside, scale, largest_key_norm, NORMS: tl.constexpr):
    """Compute the bound on each query's logits (M,): |q| times the largest norm of its keys, known or looked up."""
    wide = query.to(tl.float32)
    bound = tl.sqrt(tl.sum(wide * wide, 1)) * (scale * LOG2_E)
    if NORMS:
        return bound * tl.load(key_norm + of_keys + position, mask=inside, other=0.0)
    return bound * largest_key_norm


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
    """Compute the logits of a tile in base 2 (M, N), and its keep decisions and counts of kept keys.

    ``start`` is what newer tiles, and everything else that is constant in a row, add to the row's logits. The counts
    are computed by a running sum or, on the matrix units, by a product with a triangle of ones; both give integers.

    Returns the logits; the keep decisions as a mask and as numbers; the number of newer kept keys of the tile for each
    key; and the number of kept keys of the tile for each query (M,).
    """
    N: tl.constexpr = key.shape[0]
    products = dot(query, tl.trans(key), INTERPRET)
    # A NaN in a product or a gate keeps the key, so that the NaN shows in the output.
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
    """Compute after how many more kept keys each query meets its horizon at the latest; 0 if it has met the horizon.

    This is the bound of ``docs/horizon.md`` in base 2; each kept key lowers the bound by the slope. A walk may
    therefore go on for that many keys before it checks again; without skipping it checks once.
    """
    steep = tl.maximum(-slope, FLATTEST)
    terms = tl.minimum((steep + LOG2_E) / steep, tl.maximum(left, 1).to(tl.float32))
    excess = bound + tl.log2(terms) + slope * newer - shift - tl.log2(total) - log_tolerance
    needed = tl.where(excess > 0.0, excess / steep, 0.0)
    needed = tl.where(total == 0.0, 1.0, needed)  # no key is kept yet
    needed = tl.where(bound == bound, needed, float("inf"))  # the walk has yet to meet the NaN
    over = (left <= 0) | (total != total) | (total == float("inf"))
    return tl.where(over, 0.0, needed)


@triton.jit
def tiles_to_go(needed, left, N: tl.constexpr):
    """Compute how many of the ``left`` tiles to walk before the next check; 0 if all queries are done."""
    keys = tl.minimum(tl.max(needed, 0), FAR)
    return tl.minimum(tl.ceil(keys / N).to(tl.int32), left)
