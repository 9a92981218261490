"""The forward kernel: one program walks one tile of queries until the keys that remain cannot change its output."""

import triton
import triton.language as tl

from lengthwise.ops.triton.rules import denominator, fading, first_level, logits_of, weigh
from lengthwise.ops.triton.tiles import COUNTED, FIRST_OF_NOBODY, LOG2_E, at, dot, load, store, visible_keys

TILES = tl.constexpr(4)
"""Tiles that a walk visits before it looks whether it may end: a loop that may end at any tile is not prefetched."""
MARGIN = tl.constexpr(1.00002)
"""Factor on the bound of a score, for the rounding of norms and products."""


@triton.jit(do_not_specialize=["queries", "keys", "room"])
def forward_kernel(
    query,
    key,
    value,
    numbers,
    highest,
    room,
    offset,
    sink,
    key_norm,
    oldest,
    broken,
    output,
    rows,
    heads,
    group,
    queries,
    keys,
    width,
    scale,
    tolerance,
    broken_tolerance,
    FORM: tl.constexpr,
    SINK: tl.constexpr,
    SKIPS: tl.constexpr,
    DOCUMENTS: tl.constexpr,
    BROKEN: tl.constexpr,
    WIDTH: tl.constexpr,
    WHOLE: tl.constexpr,
    INTERPRET: tl.constexpr,
    M: tl.constexpr,
    N: tl.constexpr,
):
    """Compute the output, and in ``rows`` for each query the logits' shift, denominator, oldest key and tiles visited.

    Programs run over tiles of queries, the longest walks first, and over batch and heads. Heads with a broken value are
    left to a second launch, with ``BROKEN``, which sets such values apart.
    """
    row_tiles = tl.cdiv(queries, M)
    tile, head = row_tiles - 1 - tl.program_id(0) % row_tiles, tl.program_id(0) // row_tiles
    batch, key_head = head // heads, head % heads // group
    if (tl.load(broken + batch * (heads // group) + key_head) != 0) != BROKEN:
        return
    row = tile * M + tl.arange(0, M)
    inside = row < queries
    first = newest_seen(tile * M, queries, keys, FORM)
    position = first + tl.arange(0, M)
    q = load(at(query, batch, head % heads), query.token, row, inside, width, WIDTH, WHOLE, False)
    k, v = at(key, batch, key_head), at(value, batch, key_head)
    numbers += tl.cast(head, tl.int64) * room
    highest += tl.cast(head, tl.int64) * room
    key_norm += tl.cast(batch * (heads // group) + key_head, tl.int64) * keys
    of_row = tl.cast(head, tl.int64) * queries + row
    own, corner = own_numbers(numbers, offset + of_row, position, first, inside, FORM)
    oldest += tl.cast(batch, tl.int64) * keys
    begin = tl.zeros([M], tl.int32)
    if DOCUMENTS:
        begin = tl.load(oldest + keys - queries + row, mask=inside, other=FIRST_OF_NOBODY)
    wide = q.to(tl.float32)
    reach = tl.sqrt(tl.sum(wide * wide, 1)) * (scale * LOG2_E * MARGIN)

    total = tl.zeros([M], tl.float32)
    level = first_level(total, FORM)
    attended = tl.zeros([M, WIDTH], tl.float32)
    apart = tl.zeros([M, WIDTH] if BROKEN else [M], tl.float32)
    end, last = (first + 1) // N, tl.min(begin, 0) // N
    newest = tl.cdiv(tl.minimum(first + M, keys), N)
    for step in range(newest - end):
        total, level, attended, apart = visit(
            q, own, corner, numbers, begin, position, k, key.token, v, value.token, oldest, (newest - 1 - step) * N,
            keys, width, scale, total, level, attended, apart,
            FORM, DOCUMENTS, BROKEN, True, WIDTH, WHOLE, INTERPRET, N,
        )  # fmt: skip
    tiles = tl.maximum(end - last, 0)
    if SKIPS:
        tiles = ahead(
            reach, own, numbers, highest, key_norm, begin, position, inside, end * N, total, level, tolerance, tiles,
            FORM,
        )  # fmt: skip
    while tiles > 0:
        for step in range(tiles):
            total, level, attended, apart = visit(
                q, own, corner, numbers, begin, position, k, key.token, v, value.token, oldest, (end - 1 - step) * N,
                keys, width, scale, total, level, attended, apart,
                FORM, DOCUMENTS, BROKEN, False, WIDTH, WHOLE, INTERPRET, N,
            )  # fmt: skip
        end -= tiles
        tiles = end - last
        if SKIPS:
            tiles = ahead(
                reach, own, numbers, highest, key_norm, begin, position, inside, end * N, total, level, tolerance,
                tiles, FORM,
            )  # fmt: skip

    if SINK:
        logit = tl.load(sink + of_row, mask=inside, other=0.0) * LOG2_E
        higher = tl.maximum(level, logit)
        fade = tl.exp2(level - higher)
        total, attended = total * fade + tl.exp2(logit - higher), attended * fade[:, None]
        apart, level = apart * (fade[:, None] if BROKEN else fade), higher
    total = denominator(total, level, FORM)
    share = tl.where(total == 0.0, 0.0, 1.0 / total)[:, None]
    attended *= share
    if BROKEN:
        attended = tl.where(apart * share > broken_tolerance, float("nan"), attended)
    store(at(output, batch, head % heads), output.token, row, inside, width, attended, WIDTH)
    of_all = tl.cast(tl.num_programs(0) // row_tiles, tl.int64) * queries
    rows += of_row
    tl.store(rows, level, mask=inside)
    tl.store(rows + of_all, total, mask=inside)
    tl.store(rows + 2 * of_all, end * N, mask=inside)
    tl.store(rows + 3 * of_all, (keys - queries + row) // COUNTED - end * N // COUNTED + 1, mask=inside)


@triton.jit
def newest_seen(row, queries, keys, FORM: tl.constexpr):
    """Return the newest key that a query sees: its own, or the one before in stick-breaking."""
    newest = keys - queries + row
    if FORM == "stick":
        newest -= 1
    return newest


@triton.jit
def own_numbers(numbers, offset, position, first, inside, FORM: tl.constexpr):
    """Load the number of each query that its logits gain, and that of the tile's first query."""
    if FORM == "forgetting":
        own, corner = tl.load(numbers + position, mask=inside, other=0.0), tl.load(numbers + first)
    elif FORM == "sigmoid":
        own, corner = tl.load(offset, mask=inside, other=0.0), 0.0
    else:
        own, corner = tl.zeros_like(position).to(tl.float32), 0.0
    return own, corner


@triton.jit
def visit(
    q,
    own,
    corner,
    numbers,
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
    scale,
    total,
    level,
    attended,
    apart,
    FORM: tl.constexpr,
    DOCUMENTS: tl.constexpr,
    BROKEN: tl.constexpr,
    DIAGONAL: tl.constexpr,
    WIDTH: tl.constexpr,
    WHOLE: tl.constexpr,
    INTERPRET: tl.constexpr,
    N: tl.constexpr,
):
    """Add one tile of keys to the sums of each query."""
    at_key = first_key + tl.arange(0, N)
    there = at_key < keys
    k = load(key, key_token, at_key, there, width, WIDTH, WHOLE, not DIAGONAL)
    v = load(value, value_token, at_key, there, width, WIDTH, WHOLE, not DIAGONAL)
    visible = visible_keys(at_key, there, begin, position, oldest, DIAGONAL, DOCUMENTS)
    MASKED: tl.constexpr = DIAGONAL or DOCUMENTS
    logits = logits_of(
        dot(q, tl.trans(k), INTERPRET), own, corner, numbers, position, at_key, there, visible, scale,
        FORM, DIAGONAL, MASKED,
    )  # fmt: skip
    before = level
    weights, masses, level = weigh(logits, level, FORM)
    fade = fading(before, level, FORM)
    total, attended = total * fade, attended * fade[:, None]
    apart = apart * (fade[:, None] if BROKEN else fade)
    if BROKEN:
        whole = tl.abs(v.to(tl.float32)) < float("inf")
        apart += dot(weights.to(v.dtype), tl.where(whole, 0.0, 1.0).to(v.dtype), INTERPRET)
        v = tl.where(whole, v, 0.0).to(v.dtype)
    total += tl.sum(masses, 1)
    attended += dot(weights.to(v.dtype), v, INTERPRET)
    return total, level, attended, apart


@triton.jit
def ahead(
    reach,
    own,
    numbers,
    highest,
    key_norm,
    begin,
    position,
    inside,
    left,
    total,
    level,
    tolerance,
    tiles,
    FORM: tl.constexpr,
):
    """Return how many of the ``tiles`` that remain to visit next: some, or 0 if all queries have met their horizon.

    No score of the ``left`` oldest keys exceeds the product of the norms, and no bias that of the newest of them, or
    the highest from its distance on (``docs/horizon.md``). In stick-breaking, no weights exceed what is left.
    """
    newest = tl.maximum(left - 1, 0)
    if FORM == "stick":
        rest = level
    else:
        if FORM == "forgetting":
            most = (own - tl.load(numbers + newest)).to(tl.float32)
        else:
            most = tl.load(highest + (position - newest), mask=inside, other=0.0)
        bound = reach * tl.load(key_norm + newest) + most * LOG2_E + tl.log2(tl.maximum(left, 1).to(tl.float32))
        rest = bound - level - tl.log2(total)
    met = (rest <= tolerance) | (begin >= left) | (inside == 0)
    return tl.where(tl.min(met.to(tl.int32), 0) == 1, 0, tl.minimum(tiles, TILES))
