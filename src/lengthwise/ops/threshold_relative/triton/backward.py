"""The backward kernels: they repeat the walk of the forward pass, and end where it ended.

The gradients of a query and its gate belong to one row of scores, and are summed up during that row's walk. The
gradients of a key and its value are sums over many rows. They use atomic additions, whose order is random. If torch is
told to be deterministic, a second kernel, whose programs own one tile of keys each, computes these sums instead. It
reads the rows in another order than the walk, so it looks up how many newer keys a row had kept before the tile.
"""

import triton
import triton.language as tl

from lengthwise.ops.threshold_relative.triton.tuning import BACKWARD, CHOSEN_BY, fitting
from lengthwise.ops.threshold_relative.triton.walk import logits_and_kept, slopes
from lengthwise.ops.triton.tiles import FAR, FIRST_OF_NOBODY, at, dot, load, store, visible_keys


@triton.autotune(
    BACKWARD,
    key=CHOSEN_BY,
    prune_configs_by={"early_config_prune": fitting},
    reset_to_zero=["d_key", "d_value"],
    cache_results=True,
)
@triton.jit(do_not_specialize=["queries", "keys", "first_row", "past_row", "counted_rows", "key_tiles"])
def rows_kernel(
    query,
    key,
    value,
    gradient,
    output,
    log_forget,
    oldest,
    rows,
    plane,
    d_query,
    d_log_forget,
    d_key,
    d_value,
    counts,
    heads,
    group,
    queries,
    keys,
    first_row,
    past_row,
    counted_rows,
    key_tiles,
    width,
    limit,
    scale,
    WIDTH: tl.constexpr,
    WHOLE: tl.constexpr,
    DOCUMENTS: tl.constexpr,
    DTYPE: tl.constexpr,
    INTERPRET: tl.constexpr,
    ATOMIC: tl.constexpr,
    M: tl.constexpr,
    N: tl.constexpr,
    BY_PRODUCT: tl.constexpr,
):
    """Compute the gradients of queries and gates; with ``ATOMIC`` also of keys and values, else store ``counts``.

    ``counts`` gets the number of keys that each row has kept before each tile of keys.
    """
    row_tiles = tl.cdiv(past_row - first_row, M)
    tile, head = row_tiles - 1 - tl.program_id(0) % row_tiles, tl.program_id(0) // row_tiles
    batch, key_head = head // heads, head % heads // group
    row = first_row + tile * M + tl.arange(0, M)
    inside = row < queries
    oldest += tl.cast(batch, tl.int64) * keys
    q, slope, grad, inner, shift, share, begin, position = row_tile(
        query, gradient, output, log_forget, oldest, rows, plane, row, inside, batch, head, heads, queries, keys,
        width, WIDTH, WHOLE, DOCUMENTS,
    )  # fmt: skip
    k, v = at(key, batch, key_head), at(value, batch, key_head)
    of_keys = tl.cast(batch * (heads // group) + key_head, tl.int64) * keys * width
    d_key += of_keys
    d_value += of_keys
    counts += (tl.cast(head, tl.int64) * counted_rows + row - first_row) * key_tiles
    first = keys - queries + first_row + tile * M
    stop = tl.min(tl.load(rows + 2 * plane + tl.cast(head, tl.int64) * queries + row, mask=inside, other=FAR), 0)
    last, in_sight = stop.to(tl.int32) // N, (first + 1) // N
    newest = tl.cdiv(tl.minimum(first + M, keys), N)
    newer, d_slope = tl.zeros([M], tl.float32), tl.zeros([M], tl.float32)
    rest, distance = tl.zeros([M], tl.float32), tl.zeros([M], tl.float32)
    d_q = tl.zeros([M, WIDTH], tl.float32)
    for step in range(newest - in_sight):
        newer, d_slope, rest, distance, d_q = differentiate(
            q, slope, grad, inner, shift, share, begin, position, inside, k, key.token, v, value.token, oldest,
            newest - 1 - step, keys, width, limit, scale, newer, d_slope, rest, distance, d_q, d_key, d_value, counts,
            WIDTH, WHOLE, DOCUMENTS, True, INTERPRET, ATOMIC, N, BY_PRODUCT,
        )  # fmt: skip
    for step in range(in_sight - last):
        newer, d_slope, rest, distance, d_q = differentiate(
            q, slope, grad, inner, shift, share, begin, position, inside, k, key.token, v, value.token, oldest,
            in_sight - 1 - step, keys, width, limit, scale, newer, d_slope, rest, distance, d_q, d_key, d_value, counts,
            WIDTH, WHOLE, DOCUMENTS, False, INTERPRET, ATOMIC, N, BY_PRODUCT,
        )  # fmt: skip
    store(at(d_query, batch, head % heads), d_query.token, row, inside, width, d_q * scale, WIDTH)
    # The gradients of a row's logits add up to 0, except for the rounding of the row's output. The gate's gradient
    # multiplies this rest by the distance, so the product is subtracted again.
    tl.store(d_log_forget + tl.cast(head, tl.int64) * queries + row, d_slope - rest * distance, mask=inside)


@triton.jit(do_not_specialize=["queries", "keys", "first_row", "past_row", "counted_rows", "key_tiles"])
def keys_kernel(
    query,
    key,
    value,
    gradient,
    output,
    log_forget,
    oldest,
    rows,
    plane,
    d_key,
    d_value,
    counts,
    heads,
    group,
    queries,
    keys,
    first_row,
    past_row,
    counted_rows,
    key_tiles,
    width,
    limit,
    scale,
    WIDTH: tl.constexpr,
    WHOLE: tl.constexpr,
    DOCUMENTS: tl.constexpr,
    INTERPRET: tl.constexpr,
    M: tl.constexpr,
    N: tl.constexpr,
    BY_PRODUCT: tl.constexpr,
):
    """Add the rows from ``first_row`` to ``past_row`` to the gradients of one tile of keys and values."""
    tile, every, key_heads = tl.program_id(0) % key_tiles, tl.program_id(0) // key_tiles, heads // group
    batch, key_head = every // key_heads, every % key_heads
    at_key = tile * N + tl.arange(0, N)
    there = at_key < keys
    k = load(at(key, batch, key_head), key.token, at_key, there, width, WIDTH, WHOLE, False)
    v = load(at(value, batch, key_head), value.token, at_key, there, width, WIDTH, WHOLE, False)
    oldest += tl.cast(batch, tl.int64) * keys
    d_k, d_v = tl.zeros([N, WIDTH], tl.float32), tl.zeros([N, WIDTH], tl.float32)
    in_sight = tl.maximum(tile * N - (keys - queries) - first_row, 0) // M * M + first_row
    for head in range(batch * heads + key_head * group, batch * heads + (key_head + 1) * group):
        for start in range(in_sight, past_row, M):
            row = start + tl.arange(0, M)
            inside = row < past_row
            of_row = tl.cast(head, tl.int64) * queries + row
            stop = tl.min(tl.load(rows + 2 * plane + of_row, mask=inside, other=FAR), 0)
            if stop.to(tl.int32) // N <= tile:
                q, slope, grad, inner, shift, share, begin, position = row_tile(
                    query, gradient, output, log_forget, oldest, rows, plane, row, inside, batch, head, heads, queries,
                    keys, width, WIDTH, WHOLE, DOCUMENTS,
                )  # fmt: skip
                of_table = (tl.cast(head, tl.int64) * counted_rows + row - first_row) * key_tiles + tile
                newer = tl.load(counts + of_table, mask=inside, other=0.0)
                weights, d_logits, _, _ = weigh(
                    q, slope, grad, inner, shift, share, begin, position, k, v, oldest, at_key, there, limit, scale,
                    newer, DOCUMENTS, True, INTERPRET, BY_PRODUCT,
                )  # fmt: skip
                d_v += dot(tl.trans(weights.to(v.dtype)), grad, INTERPRET)
                d_k += dot(tl.trans(d_logits.to(k.dtype)), q, INTERPRET)
    column = tl.arange(0, WIDTH)
    into = (tl.cast(every, tl.int64) * keys + at_key)[:, None] * width + column[None, :]
    mask = there[:, None] & (column < width)[None, :]
    tl.store(d_key + into, tl.load(d_key + into, mask=mask) + d_k * scale, mask=mask)
    tl.store(d_value + into, tl.load(d_value + into, mask=mask) + d_v, mask=mask)


@triton.jit
def row_tile(
    query,
    gradient,
    output,
    log_forget,
    oldest,
    rows,
    plane,
    row,
    inside,
    batch,
    head,
    heads,
    queries,
    keys,
    width,
    WIDTH: tl.constexpr,
    WHOLE: tl.constexpr,
    DOCUMENTS: tl.constexpr,
):
    """Load what a tile of queries uses with every tile of keys.

    Returns the query, the slope, the gradient of the output and its product with the output, the shift of the logits,
    the reciprocal of their denominator, the first key of the document, and the position. An output that is NaN passes
    no gradient on.
    """
    of_row = tl.cast(head, tl.int64) * queries + row
    position = keys - queries + row
    slope = slopes(log_forget + of_row, inside)
    q = load(at(query, batch, head % heads), query.token, row, inside, width, WIDTH, WHOLE, False)
    out = load(at(output, batch, head % heads), output.token, row, inside, width, WIDTH, WHOLE, False)
    grad = load(at(gradient, batch, head % heads), gradient.token, row, inside, width, WIDTH, WHOLE, False)
    grad = tl.where(out == out, grad, 0.0).to(q.dtype)
    inner = tl.sum(grad.to(tl.float32) * tl.where(out == out, out, 0.0), 1)
    shift = tl.load(rows + of_row, mask=inside, other=0.0)
    total = tl.load(rows + plane + of_row, mask=inside, other=0.0)
    share = tl.where(total == 0.0, 0.0, 1.0 / total)
    begin = tl.zeros_like(row)
    if DOCUMENTS:
        begin = tl.load(oldest + position, mask=inside, other=FIRST_OF_NOBODY)
    return q, slope, grad, inner, shift, share, begin, position


@triton.jit
def weigh(
    q,
    slope,
    grad,
    inner,
    shift,
    share,
    begin,
    position,
    k,
    v,
    oldest,
    at_key,
    there,
    limit,
    scale,
    newer,
    DOCUMENTS: tl.constexpr,
    DIAGONAL: tl.constexpr,
    INTERPRET: tl.constexpr,
    BY_PRODUCT: tl.constexpr,
):
    """Compute the weights of a tile and the gradients of its logits (M, N), and its counts of kept keys: newer, all."""
    visible = visible_keys(at_key, there, begin, position, oldest, DIAGONAL, DOCUMENTS)
    MASKED: tl.constexpr = DIAGONAL or DOCUMENTS
    start = slope * newer - shift
    logits, kept, _, within, count = logits_and_kept(
        q, k, slope, start, visible, limit, scale, MASKED, BY_PRODUCT, INTERPRET
    )
    weights = tl.where(kept, tl.exp2(logits) * share[:, None], 0.0)
    d_weights = dot(grad, tl.trans(v), INTERPRET)
    return weights, weights * (d_weights - inner[:, None]), within, count


@triton.jit
def differentiate(
    q,
    slope,
    grad,
    inner,
    shift,
    share,
    begin,
    position,
    inside,
    key,
    key_token,
    value,
    value_token,
    oldest,
    tile,
    keys,
    width,
    limit,
    scale,
    newer,
    d_slope,
    rest,
    distance,
    d_q,
    d_key,
    d_value,
    counts,
    WIDTH: tl.constexpr,
    WHOLE: tl.constexpr,
    DOCUMENTS: tl.constexpr,
    DIAGONAL: tl.constexpr,
    INTERPRET: tl.constexpr,
    ATOMIC: tl.constexpr,
    N: tl.constexpr,
    BY_PRODUCT: tl.constexpr,
):
    """Add one tile of keys to the gradients of a tile of queries."""
    at_key = tile * N + tl.arange(0, N)
    there = at_key < keys
    k = load(key, key_token, at_key, there, width, WIDTH, WHOLE, not DIAGONAL)
    v = load(value, value_token, at_key, there, width, WIDTH, WHOLE, not DIAGONAL)
    if not ATOMIC:
        tl.store(counts + tile, newer, mask=inside)
    weights, d_logits, within, count = weigh(
        q, slope, grad, inner, shift, share, begin, position, k, v, oldest, at_key, there, limit, scale, newer,
        DOCUMENTS, DIAGONAL, INTERPRET, BY_PRODUCT,
    )  # fmt: skip
    left = tl.sum(d_logits, 1)
    d_slope += newer * left + tl.sum(d_logits * within, 1)
    rest += left
    distance += newer * tl.sum(weights, 1) + tl.sum(weights * within, 1)
    d_logits = d_logits.to(k.dtype)
    d_q += dot(d_logits, k, INTERPRET)
    if ATOMIC:
        column = tl.arange(0, WIDTH)
        into = tl.cast(at_key, tl.int64)[:, None] * width + column[None, :]
        mask = there[:, None] & (column < width)[None, :]
        tl.atomic_add(d_value + into, dot(tl.trans(weights.to(v.dtype)), grad, INTERPRET), mask=mask, sem="relaxed")
        d_k = dot(tl.trans(d_logits), q, INTERPRET) * scale
        tl.atomic_add(d_key + into, d_k, mask=mask, sem="relaxed")
    return newer + count, d_slope, rest, distance, d_q
