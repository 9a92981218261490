"""Few queries against many keys: ranges of keys are walked in parallel, and only ranges before the horizon are read.

The newest range is walked first and alone, because it tells how far back other keys matter; then some more ranges, then
the rest. Every range counts from its own newest key. Its sums are then multiplied by :math:`e^{\\delta c}`, where
:math:`c` is the number of keys kept in newer ranges. The rows of a program are the queries of all heads that share a
key head, so that keys are read once.
"""

import triton
import triton.language as tl

from lengthwise.ops.threshold_relative.triton.forward import visit
from lengthwise.ops.threshold_relative.triton.walk import bounds, keys_to_go, slopes, tiles_to_go
from lengthwise.ops.triton.tiles import COUNTED, FAR, FIRST_OF_NOBODY, LOWEST, at

RANGES = tl.constexpr(128)
"""Largest number of ranges: the last kernel sums them up as one vector, whose size is a power of two."""
FIRST = tl.constexpr(16)
"""Largest number of ranges before the last launch, which reads their counts as one vector."""


@triton.jit(do_not_specialize=["queries", "keys", "done", "covered", "reach", "room"])
def range_kernel(
    query,
    key,
    value,
    log_forget,
    key_norm,
    oldest,
    sums,
    broken_sums,
    found,
    heads,
    group,
    queries,
    keys,
    width,
    limit,
    scale,
    largest_key_norm,
    tolerance,
    done,
    covered,
    reach,
    room,
    WIDTH: tl.constexpr,
    WHOLE: tl.constexpr,
    DOCUMENTS: tl.constexpr,
    NORMS: tl.constexpr,
    DTYPE: tl.constexpr,
    INTERPRET: tl.constexpr,
    M: tl.constexpr,
    N: tl.constexpr,
):
    """Compute the sums over one range of keys: the weighted values, with broken values apart, (rows, ranges, D).

    ``found`` (5, rows, ranges) gets the shift of the logits, the denominator, the number of kept keys, the oldest key
    visited, and whether a value is broken. ``done`` ranges are finished and cover ``covered`` keys. This range has
    ``reach`` keys, and the arrays have room for ``room`` ranges.
    """
    part = done + tl.program_id(1)
    past = keys - covered - tl.program_id(1) * reach
    start = tl.maximum(past - reach, 0)
    key_heads = heads // group
    batch, key_head = tl.program_id(0) // key_heads, tl.program_id(0) % key_heads
    row = tl.program_id(2) * M + tl.arange(0, M)
    inside = row < group * queries
    position = keys - queries + row % queries
    every = tl.program_id(0) * group * queries + row  # heads that share a key head are neighbours
    slope = slopes(log_forget + every, inside)
    column = tl.arange(0, WIDTH)
    q_rows = at(query, batch, key_head * group) + tl.cast(row // queries, tl.int64) * query.head
    q_rows += tl.cast(row % queries, tl.int64) * query.token
    q = tl.load(q_rows[:, None] + column[None, :], mask=inside[:, None] & (column < width)[None, :], other=0.0)
    k, v = at(key, batch, key_head), at(value, batch, key_head)
    oldest += tl.cast(batch, tl.int64) * keys
    begin = tl.zeros([M], tl.int32)
    if DOCUMENTS:
        begin = tl.load(oldest + position, mask=inside, other=FIRST_OF_NOBODY)
        start = tl.maximum(start, tl.min(begin, 0))
    of_keys = tl.cast(tl.program_id(0), tl.int64) * keys
    bound = bounds(q, key_norm, of_keys, position, inside, scale, largest_key_norm, NORMS)

    of_all = tl.cast(tl.num_programs(0), tl.int64) * group * queries * room
    found += tl.cast(every, tl.int64) * room
    tiles = 1
    if done > 0:
        # The newest range gives a part of the denominator, and all finished ranges give the count so far.
        shift = tl.load(found, mask=inside, other=0.0)
        total = tl.load(found + of_all, mask=inside, other=1.0)
        before = tl.arange(0, FIRST)
        counts = found[:, None] + 2 * of_all + before[None, :]
        newer = tl.sum(tl.load(counts, mask=inside[:, None] & (before < done)[None, :], other=0.0), 1)
        left = tl.where(inside, past - begin, 0)
        tiles = tiles_to_go(keys_to_go(bound, slope, newer, shift, total, left, tolerance), 1, N)
    newer, total = tl.zeros([M], tl.float32), tl.zeros([M], tl.float32)
    shift = tl.full([M], LOWEST, tl.float32)
    attended, broken = tl.zeros([M, WIDTH], tl.float32), tl.zeros([M, WIDTH], tl.float32)
    end = past
    while tiles > 0:
        for step in range(tiles):
            newer, total, shift, attended, broken = visit(
                q, slope, begin, position, k, key.token, v, value.token, oldest, end - (step + 1) * N, keys, width,
                limit, scale, newer, total, shift, attended, broken,
                WIDTH, WHOLE, DOCUMENTS, True, True, INTERPRET, N, False,
            )  # fmt: skip
        end -= tiles * N
        left = tl.where(inside, end - tl.maximum(begin, start), 0)
        needed = keys_to_go(bound, slope, newer, shift, total, left, tolerance)
        tiles = tiles_to_go(needed, tl.cdiv(end - start, N), N)

    is_broken = tl.max(tl.max(broken, 1), 0)
    found += part
    tl.store(found, shift, mask=inside)
    tl.store(found + of_all, total, mask=inside)
    tl.store(found + 2 * of_all, newer, mask=inside)
    oldest_read = tl.where(end < past, tl.maximum(end, start).to(tl.float32), FAR)
    tl.store(found + 3 * of_all, oldest_read + tl.zeros([M], tl.float32), mask=inside)
    tl.store(found + 4 * of_all, is_broken + tl.zeros([M], tl.float32), mask=inside)
    into = (tl.cast(every, tl.int64) * room + part)[:, None] * WIDTH + column[None, :]
    if end < past:
        tl.store(sums + into, attended, mask=inside[:, None])
    if is_broken > 0.0:
        tl.store(broken_sums + into, broken, mask=inside[:, None])


@triton.jit(do_not_specialize=["queries", "keys", "ranges", "room"])
def together_kernel(
    sums,
    broken_sums,
    found,
    log_forget,
    output,
    rows,
    heads,
    group,
    queries,
    keys,
    width,
    ranges,
    room,
    tolerance,
    WIDTH: tl.constexpr,
):
    """Add up the sums of the ranges, each scaled by the kept keys of newer ranges; one program for each row."""
    every = tl.cast(tl.program_id(0), tl.int64)
    head, row = every // queries, every % queries
    part = tl.arange(0, RANGES)
    there = part < ranges
    of_all = tl.cast(tl.num_programs(0), tl.int64) * room
    found += every * room + part
    shift = tl.load(found, mask=there, other=0.0)
    total = tl.load(found + of_all, mask=there, other=0.0)
    kept = tl.load(found + 2 * of_all, mask=there, other=0.0)
    visited = tl.min(tl.load(found + 3 * of_all, mask=there, other=FAR), 0)
    is_broken = tl.load(found + 4 * of_all, mask=there, other=0.0)
    slope = slopes(log_forget + every, True)
    logit = tl.where(total == 0.0, -float("inf"), shift + slope * (tl.cumsum(kept, 0) - kept))
    largest = tl.maximum(tl.max(logit, 0), LOWEST)
    factor = tl.where(total == 0.0, 0.0, tl.exp2(logit - largest))
    total = tl.sum(factor * total, 0)
    divisor = tl.where(total == 0.0, 1.0, total)
    column = tl.arange(0, WIDTH)
    into = (every * room + part)[:, None] * WIDTH + column[None, :]
    read = (factor != 0.0)[:, None]
    attended = tl.sum(factor[:, None] * tl.load(sums + into, mask=read, other=0.0), 0) / divisor
    read = read & (is_broken > 0.0)[:, None]
    broken = tl.sum(factor[:, None] * tl.load(broken_sums + into, mask=read, other=0.0), 0) / divisor
    attended = tl.where(broken > tl.exp2(tolerance), float("nan"), attended)
    inside = column < width
    to = at(output, head // heads, head % heads) + row * output.token + column
    tl.store(to, attended.to(to.dtype.element_ty), mask=inside)
    tl.store(rows + every, largest)
    tl.store(rows + tl.num_programs(0) + every, total)
    tl.store(rows + 2 * tl.num_programs(0) + every, visited)
    tl.store(
        rows + 3 * tl.num_programs(0) + every, (keys - queries + row) // COUNTED - visited.to(tl.int32) // COUNTED + 1
    )
