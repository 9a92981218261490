"""The forward kernel: one program walks one tile of queries until all its queries have met their horizon."""

import triton
import triton.language as tl

from lengthwise.ops.threshold_relative.triton.tuning import CHOSEN_BY, FORWARD, MOST_QUERIES, fitting
from lengthwise.ops.threshold_relative.triton.walk import bounds, keys_to_go, logits_and_kept, slopes, tiles_to_go
from lengthwise.ops.triton.tiles import COUNTED, FIRST_OF_NOBODY, LOWEST, at, dot, load, store, visible_keys

# Without a running maximum, a weight is 2 ** logit, and apart from the gate no logit is further from 0 than a row's
# bound. These numbers say which rows need no running maximum.
LARGEST_BOUND = tl.constexpr(86.0)
"""Float32 and bfloat16 end at 2 ** 128. This bound leaves 2 ** 42 for the sums: 2 ** 22 keys with values to 2 ** 20."""
SMALLEST_TOTAL = tl.constexpr(1e-24)
"""This is 2 ** -80, 46 powers of two above the smallest normal float32, 2 ** -126.

A denominator of this size loses at most its rounding unit, 2 ** -24, over 2 ** 22 keys.
"""
# Float16 has a smaller range, and weights enter the second product in the dtype of the values.
LARGEST_LOGIT_HALF = tl.constexpr(15.0)
"""Float16 ends just below 2 ** 16. The logits of a row with a larger bound are shifted down to this bound."""
LARGEST_BOUND_HALF = tl.constexpr(25.0)
"""RMS-normalised rows of the widest heads, 256 numbers, have a bound of 16 * log2(e) = 23.1, and a little for rounding.

The shift is then at most 10. A key with a score above 0, the paper's threshold, weighs 2 ** -10 or more before it is
forgotten, which is a normal number of float16, whose smallest is 2 ** -14.
"""
SMALLEST_TOTAL_HALF = tl.constexpr(0.0625)
"""Float16 rounds numbers below 2 ** -14 to multiples of 2 ** -24, which is an error of at most 2 ** -25.

Relative to a denominator of 2 ** -4 the error is 2 ** -21, a thousandth of float16's rounding unit, 2 ** -11.
"""
FLAG = tl.constexpr(32)
"""Queries per flag of ``careful``: as many as the smallest tile has, so that tiles of any size can share the flags."""
FLAGS = tl.constexpr(MOST_QUERIES.value // FLAG.value)
"""Flags per largest tile."""


@triton.autotune(FORWARD, key=CHOSEN_BY, prune_configs_by={"early_config_prune": fitting}, cache_results=True)
@triton.jit(do_not_specialize=["queries", "keys"])
def forward_kernel(
    query,
    key,
    value,
    log_forget,
    key_norm,
    oldest,
    output,
    rows,
    careful,
    heads,
    group,
    queries,
    keys,
    width,
    limit,
    scale,
    largest_key_norm,
    tolerance,
    WIDTH: tl.constexpr,
    WHOLE: tl.constexpr,
    DOCUMENTS: tl.constexpr,
    NORMS: tl.constexpr,
    CAREFUL: tl.constexpr,
    DTYPE: tl.constexpr,
    INTERPRET: tl.constexpr,
    M: tl.constexpr,
    N: tl.constexpr,
    BY_PRODUCT: tl.constexpr,
):
    """Compute the output, and in ``rows`` for each query the logits' shift, denominator, oldest key and tiles visited.

    Programs run over tiles of queries, the longest walks first, and over batch and heads. If logits can overflow or the
    output is not finite, the program sets the tile's flags in ``careful``. The same kernel with ``CAREFUL`` then does
    the flagged tiles again, with a running maximum and broken values set apart.
    """
    row_tiles = tl.cdiv(queries, M)
    tile, head = row_tiles - 1 - tl.program_id(0) % row_tiles, tl.program_id(0) // row_tiles
    flags = careful + head * FLAGS * tl.cdiv(queries, MOST_QUERIES) + tile * (M // FLAG) + tl.arange(0, M // FLAG)
    if CAREFUL:
        if tl.max(tl.load(flags), 0) == 0:
            return
    batch, key_head = head // heads, head % heads // group
    of_head = tl.cast(head, tl.int64) * queries
    row = tile * M + tl.arange(0, M)
    inside = row < queries
    position = keys - queries + row
    slope = slopes(log_forget + of_head + row, inside)
    q = load(at(query, batch, head % heads), query.token, row, inside, width, WIDTH, WHOLE, False)
    k, v = at(key, batch, key_head), at(value, batch, key_head)
    oldest += tl.cast(batch, tl.int64) * keys
    begin = tl.zeros([M], tl.int32)
    if DOCUMENTS:
        begin = tl.load(oldest + position, mask=inside, other=FIRST_OF_NOBODY)

    of_keys = tl.cast(batch * (heads // group) + key_head, tl.int64) * keys
    bound = bounds(q, key_norm, of_keys, position, inside, scale, largest_key_norm, NORMS)
    HALF: tl.constexpr = DTYPE == "float16"
    shift = tl.maximum(bound - LARGEST_LOGIT_HALF, 0.0) if HALF else tl.zeros([M], tl.float32)
    if CAREFUL:
        shift = tl.full([M], LOWEST, tl.float32)
    else:
        fits = bound <= (LARGEST_BOUND_HALF if HALF else LARGEST_BOUND)
        if tl.min(tl.where(inside, fits, True).to(tl.int32), 0) == 0:
            tl.store(flags, tl.full([M // FLAG], 1, tl.int32))
            return

    newer, total = tl.zeros([M], tl.float32), tl.zeros([M], tl.float32)
    attended = tl.zeros([M, WIDTH], tl.float32)
    broken = tl.zeros([M, WIDTH] if CAREFUL else [M], tl.float32)
    first = keys - queries + tile * M
    end, last = (first + 1) // N, tl.min(begin, 0) // N
    newest = tl.cdiv(tl.minimum(first + M, keys), N)
    for step in range(newest - end):
        newer, total, shift, attended, broken = visit(
            q, slope, begin, position, k, key.token, v, value.token, oldest, (newest - 1 - step) * N, keys, width,
            limit, scale, newer, total, shift, attended, broken,
            WIDTH, WHOLE, DOCUMENTS, True, CAREFUL, INTERPRET, N, BY_PRODUCT,
        )  # fmt: skip
    needed = keys_to_go(bound, slope, newer, shift, total, tl.where(inside, end * N - begin, 0), tolerance)
    tiles = tiles_to_go(needed, end - last, N)
    while tiles > 0:
        for step in range(tiles):
            newer, total, shift, attended, broken = visit(
                q, slope, begin, position, k, key.token, v, value.token, oldest, (end - 1 - step) * N, keys, width,
                limit, scale, newer, total, shift, attended, broken,
                WIDTH, WHOLE, DOCUMENTS, False, CAREFUL, INTERPRET, N, BY_PRODUCT,
            )  # fmt: skip
        end -= tiles
        needed = keys_to_go(bound, slope, newer, shift, total, tl.where(inside, end * N - begin, 0), tolerance)
        tiles = tiles_to_go(needed, end - last, N)

    share = tl.where(total == 0.0, 0.0, 1.0 / total)[:, None]
    attended *= share
    if CAREFUL:
        attended = tl.where(broken * share > tl.exp2(tolerance), float("nan"), attended)
    else:
        # A denominator that is too small has lost weights that the dtype cannot hold; and if the output is not finite,
        # the broken value may have had no weight.
        poor = (total > 0.0) & (total < (SMALLEST_TOTAL_HALF if HALF else SMALLEST_TOTAL))
        finite = (tl.sum(attended * 0.0, 1) == 0.0) & (poor == 0)
        again = 1 - tl.min(tl.where(inside, finite, True).to(tl.int32), 0)
        tl.store(flags, again + tl.zeros([M // FLAG], tl.int32))
    store(at(output, batch, head % heads), output.token, row, inside, width, attended, WIDTH)
    rows += of_head + row
    of_all = tl.cast(tl.num_programs(0) // row_tiles, tl.int64) * queries
    tl.store(rows, shift, mask=inside)
    tl.store(rows + of_all, total, mask=inside)
    tl.store(rows + 2 * of_all, end * N, mask=inside)
    tl.store(rows + 3 * of_all, position // COUNTED - end * N // COUNTED + 1, mask=inside)


@triton.jit
def visit(
    q,
    slope,
    begin,
    position,
    key,
    key_token,
    value,
    value_token,
    oldest,
    first_key,
    keys,
    width,
    limit,
    scale,
    newer,
    total,
    shift,
    attended,
    broken,
    WIDTH: tl.constexpr,
    WHOLE: tl.constexpr,
    DOCUMENTS: tl.constexpr,
    DIAGONAL: tl.constexpr,
    CAREFUL: tl.constexpr,
    INTERPRET: tl.constexpr,
    N: tl.constexpr,
    BY_PRODUCT: tl.constexpr,
):
    """Add one tile of keys to the sums of each query."""
    at_key = first_key + tl.arange(0, N)
    there = (at_key >= 0) & (at_key < keys)
    k = load(key, key_token, at_key, there, width, WIDTH, WHOLE, not DIAGONAL)
    v = load(value, value_token, at_key, there, width, WIDTH, WHOLE, not DIAGONAL)
    visible = visible_keys(at_key, there, begin, position, oldest, DIAGONAL, DOCUMENTS)
    MASKED: tl.constexpr = DIAGONAL or DOCUMENTS
    start = slope * newer - (0.0 if CAREFUL else shift)
    logits, kept, ones, _, count = logits_and_kept(
        q, k, slope, start, visible, limit, scale, MASKED, BY_PRODUCT, INTERPRET
    )
    if CAREFUL:
        largest = tl.maximum(shift, tl.max(tl.where(kept, logits, -float("inf")), 1))
        rescale = tl.exp2(shift - largest)
        total, attended, broken = total * rescale, attended * rescale[:, None], broken * rescale[:, None]
        shift = largest
        weights = tl.where(kept, tl.exp2(logits - shift[:, None]), 0.0)
        whole = tl.abs(v.to(tl.float32)) < float("inf")
        broken += dot(weights.to(v.dtype), tl.where(whole, 0.0, 1.0).to(v.dtype), INTERPRET)
        v = tl.where(whole, v, 0.0).to(v.dtype)
    else:
        # Within the bounds the exponential is finite, and a product takes one instruction less than `where`.
        weights = tl.exp2(logits) * ones
    total += tl.sum(weights, 1)
    attended += dot(weights.to(v.dtype), v, INTERPRET)
    return newer + count, total, shift, attended, broken
