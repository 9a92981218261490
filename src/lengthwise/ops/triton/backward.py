"""The backward kernels: no program writes what another one writes, so that gradients are the same in every run.

``rows_kernel`` owns a tile of queries, and ends its walk where the forward pass ended; ``keys_kernel`` owns a tile of
keys, and walks over the queries that have visited the tile. In stick-breaking it reads these in another order than the
walk, so it looks up what newer keys have left to a query: ``states``, which the first kernel stores for a band of rows.
``distances_kernel`` owns the distances of one tile: it walks along a diagonal of tiles, and turns each so that equal
distances lie in one column.
"""

import triton
import triton.language as tl

from lengthwise.ops.triton.forward import newest_seen, own_numbers
from lengthwise.ops.triton.rules import differentiate, logits_of
from lengthwise.ops.triton.tiles import FAR, FIRST_OF_NOBODY, LOG2_E, at, dot, load, store, visible_keys

NOT_SPECIALIZED = ["queries", "keys", "room", "half", "first_row", "past_row", "band", "diagonals"]


@triton.jit(do_not_specialize=NOT_SPECIALIZED)
def rows_kernel(
    query,
    key,
    value,
    gradient,
    output,
    numbers,
    room,
    offset,
    sink,
    oldest,
    rows,
    plane,
    d_query,
    d_offset,
    d_sink,
    states,
    half,
    first_row,
    past_row,
    band,
    heads,
    group,
    queries,
    keys,
    width,
    scale,
    FORM: tl.constexpr,
    SINK: tl.constexpr,
    DOCUMENTS: tl.constexpr,
    WIDTH: tl.constexpr,
    WHOLE: tl.constexpr,
    INTERPRET: tl.constexpr,
    M: tl.constexpr,
    N: tl.constexpr,
):
    """Compute the gradients of the queries from ``first_row`` to ``past_row``, and of their offsets and sinks."""
    row_tiles = tl.cdiv(past_row - first_row, M)
    tile, head = row_tiles - 1 - tl.program_id(0) % row_tiles, tl.program_id(0) // row_tiles
    batch, key_head = head // heads, head % heads // group
    row = first_row + tile * M + tl.arange(0, M)
    inside = row < queries
    first = newest_seen(first_row + tile * M, queries, keys, FORM)
    of_row = tl.cast(head, tl.int64) * queries + row
    oldest += tl.cast(batch, tl.int64) * keys
    numbers += tl.cast(head, tl.int64) * room
    q, grad, own, corner, level, share, inner, begin, stop = row_tile(
        query, gradient, output, numbers, offset, oldest, rows, plane, row, inside, first, head, heads, queries, keys,
        width, FORM, DOCUMENTS, WIDTH, WHOLE,
    )  # fmt: skip
    k, v = at(key, batch, key_head), at(value, batch, key_head)
    last, in_sight = stop // N, (first + 1) // N
    newest = tl.cdiv(tl.minimum(first + M, keys), N)
    position = first + tl.arange(0, M)
    states += (tl.cast(head, tl.int64) * band + tile * M + tl.arange(0, M)) * tl.cdiv(keys, N)
    d_q, d_own, passed = tl.zeros([M, WIDTH], tl.float32), tl.zeros([M], tl.float32), tl.zeros([M], tl.float32)
    for step in range(newest - in_sight):
        d_q, d_own, level, passed = of_queries(
            q, grad, own, corner, numbers, level, passed, share, inner, begin, position, inside, k, key.token, v,
            value.token, oldest, newest - 1 - step, states, half, keys, width, scale, d_q, d_own,
            FORM, DOCUMENTS, True, WIDTH, WHOLE, INTERPRET, N,
        )  # fmt: skip
    for step in range(in_sight - last):
        d_q, d_own, level, passed = of_queries(
            q, grad, own, corner, numbers, level, passed, share, inner, begin, position, inside, k, key.token, v,
            value.token, oldest, in_sight - 1 - step, states, half, keys, width, scale, d_q, d_own,
            FORM, DOCUMENTS, False, WIDTH, WHOLE, INTERPRET, N,
        )  # fmt: skip
    store(at(d_query, batch, head % heads), d_query.token, row, inside, width, d_q * scale, WIDTH)
    if FORM == "sigmoid":
        tl.store(d_offset + of_row, d_own, mask=inside)
    if SINK:
        weight = tl.exp2(tl.load(sink + of_row, mask=inside, other=0.0) * LOG2_E - level) * share
        tl.store(d_sink + of_row, -weight * inner, mask=inside)


@triton.jit(do_not_specialize=NOT_SPECIALIZED)
def keys_kernel(
    query,
    key,
    value,
    gradient,
    output,
    numbers,
    room,
    offset,
    oldest,
    rows,
    plane,
    d_key,
    d_value,
    d_forgotten,
    states,
    half,
    first_row,
    past_row,
    band,
    heads,
    group,
    queries,
    keys,
    width,
    scale,
    FORM: tl.constexpr,
    DOCUMENTS: tl.constexpr,
    WIDTH: tl.constexpr,
    WHOLE: tl.constexpr,
    INTERPRET: tl.constexpr,
    M: tl.constexpr,
    N: tl.constexpr,
):
    """Add the queries from ``first_row`` to ``past_row`` to the gradients of keys, values, and each head's sums."""
    key_tiles, key_heads = tl.cdiv(keys, N), heads // group
    tile, every = tl.program_id(0) % key_tiles, tl.program_id(0) // key_tiles
    batch, key_head = every // key_heads, every % key_heads
    at_key = tile * N + tl.arange(0, N)
    there = at_key < keys
    k = load(at(key, batch, key_head), key.token, at_key, there, width, WIDTH, WHOLE, False)
    v = load(at(value, batch, key_head), value.token, at_key, there, width, WIDTH, WHOLE, False)
    oldest += tl.cast(batch, tl.int64) * keys
    d_k, d_v = tl.zeros([N, WIDTH], tl.float32), tl.zeros([N, WIDTH], tl.float32)
    before = newest_seen(first_row, queries, keys, FORM)
    row_tiles = tl.cdiv(past_row - first_row, M)
    in_sight = tl.maximum(tile * N - before, 0) // M
    # From this tile of queries on, all queries see all keys.
    past = tl.maximum(tl.minimum(tl.cdiv(tl.maximum(tile * N + N - 1 - before, 0), M), row_tiles), in_sight)
    for head in range(batch * heads + key_head * group, batch * heads + (key_head + 1) * group):
        of_head = numbers + tl.cast(head, tl.int64) * room
        d_sums = tl.zeros([N], tl.float32)
        for step in range(in_sight, past):
            d_k, d_v, d_sums = of_keys(
                query, gradient, output, of_head, offset, oldest, rows, plane, states, half, first_row, band, step,
                head, heads, queries, keys, width, scale, k, v, at_key, there, tile, d_k, d_v, d_sums,
                FORM, DOCUMENTS, True, WIDTH, WHOLE, INTERPRET, M, N,
            )  # fmt: skip
        for step in range(past, row_tiles):
            d_k, d_v, d_sums = of_keys(
                query, gradient, output, of_head, offset, oldest, rows, plane, states, half, first_row, band, step,
                head, heads, queries, keys, width, scale, k, v, at_key, there, tile, d_k, d_v, d_sums,
                FORM, DOCUMENTS, False, WIDTH, WHOLE, INTERPRET, M, N,
            )  # fmt: skip
        if FORM == "forgetting":
            sums = d_forgotten + tl.cast(head, tl.int64) * keys + at_key
            tl.store(sums, tl.load(sums, mask=there) - d_sums, mask=there)
    column = tl.arange(0, WIDTH)
    into = (tl.cast(every, tl.int64) * keys + at_key)[:, None] * width + column[None, :]
    mask = there[:, None] & (column < width)[None, :]
    tl.store(d_key + into, tl.load(d_key + into, mask=mask) + d_k * scale, mask=mask)
    tl.store(d_value + into, tl.load(d_value + into, mask=mask) + d_v, mask=mask)


@triton.jit(do_not_specialize=NOT_SPECIALIZED)
def distances_kernel(
    query,
    key,
    value,
    gradient,
    output,
    numbers,
    room,
    offset,
    oldest,
    rows,
    plane,
    d_bias,
    diagonals,
    heads,
    group,
    queries,
    keys,
    width,
    scale,
    FORM: tl.constexpr,
    DOCUMENTS: tl.constexpr,
    WIDTH: tl.constexpr,
    WHOLE: tl.constexpr,
    INTERPRET: tl.constexpr,
    M: tl.constexpr,
    N: tl.constexpr,
):
    """Compute the gradient of the biases, in two parts that the caller adds up; M is N.

    Tiles of keys are counted from the tile of queries back, so that all pairs of a program's tiles have one of 2 N - 1
    distances. For t from 0 to N - 1, the first part of ``d_bias`` has the distance diagonal * N + t, the second the
    distance that is N less.
    """
    diagonal, head = tl.program_id(0) % diagonals, tl.program_id(0) // diagonals
    batch, key_head = head // heads, head % heads // group
    oldest += tl.cast(batch, tl.int64) * keys
    of_head = numbers + tl.cast(head, tl.int64) * room
    k, v = at(key, batch, key_head), at(value, batch, key_head)
    near, far = tl.zeros([N], tl.float32), tl.zeros([N], tl.float32)
    turned = tl.arange(0, N)[None, :]
    source = (tl.arange(0, M)[:, None] - turned + N) % N
    over = tl.arange(0, M)[:, None] >= turned
    for step in range(tl.cdiv(queries, M)):
        first = keys - queries + step * M
        first_key = first - diagonal * N
        if first_key + N > 0:
            row = step * M + tl.arange(0, M)
            inside = row < queries
            q, grad, own, corner, level, share, inner, begin, stop = row_tile(
                query, gradient, output, of_head, offset, oldest, rows, plane, row, inside, first, head, heads, queries,
                keys, width, FORM, DOCUMENTS, WIDTH, WHOLE,
            )  # fmt: skip
            if first_key + N > stop:
                at_key = first_key + tl.arange(0, N)
                there = (at_key >= stop) & (at_key < keys)
                of_key = load(k, key.token, at_key, there, width, WIDTH, WHOLE, False)
                of_value = load(v, value.token, at_key, there, width, WIDTH, WHOLE, False)
                _, d_logits, _, _ = pair(
                    q, grad, own, corner, of_head, level, inner, share, inner, begin, first + tl.arange(0, M), of_key,
                    of_value, oldest, at_key, there, scale, FORM, DOCUMENTS, True, True, INTERPRET,
                )  # fmt: skip
                sheared = tl.gather(d_logits, source, 1)
                near += tl.sum(tl.where(over, sheared, 0.0), 0)
                far += tl.sum(tl.where(over, 0.0, sheared), 0)
    into = d_bias + (tl.cast(head, tl.int64) * 2 * diagonals + diagonal) * N + tl.arange(0, N)
    tl.store(into, near)
    tl.store(into + diagonals * N, far)


@triton.jit
def row_tile(
    query,
    gradient,
    output,
    numbers,
    offset,
    oldest,
    rows,
    plane,
    row,
    inside,
    first,
    head,
    heads,
    queries,
    keys,
    width,
    FORM: tl.constexpr,
    DOCUMENTS: tl.constexpr,
    WIDTH: tl.constexpr,
    WHOLE: tl.constexpr,
):
    """Load what a tile of queries uses with every tile of keys.

    Returns the query; the gradient of the output; the query's own number and that of the first query; the
    level before all keys or, where the denominator is known, after them; the reciprocal of the denominator; the product
    of the output and its gradient; the first key of the document; and the oldest key of all that the tile has visited.
    An output that is NaN passes no gradient on.
    """
    batch = head // heads
    of_row = tl.cast(head, tl.int64) * queries + row
    position = keys - queries + row
    own, corner = own_numbers(numbers, offset + of_row, position, first, inside, FORM)
    q = load(at(query, batch, head % heads), query.token, row, inside, width, WIDTH, WHOLE, False)
    out = load(at(output, batch, head % heads), output.token, row, inside, width, WIDTH, WHOLE, False)
    grad = load(at(gradient, batch, head % heads), gradient.token, row, inside, width, WIDTH, WHOLE, False)
    grad = tl.where(out == out, grad, 0.0).to(q.dtype)
    inner = tl.sum(grad.to(tl.float32) * tl.where(out == out, out, 0.0), 1)
    level = tl.zeros_like(inner)
    if FORM != "stick":
        # A query that does not exist has no weights, because its logits are infinitely far below this.
        level = tl.load(rows + of_row, mask=inside, other=float("inf"))
    total = tl.load(rows + plane + of_row, mask=inside, other=0.0)
    share = tl.where(total == 0.0, 0.0, 1.0 / total)
    stop = tl.min(tl.load(rows + 2 * plane + of_row, mask=inside, other=FAR), 0).to(tl.int32)
    begin = tl.zeros_like(row)
    if DOCUMENTS:
        begin = tl.load(oldest + position, mask=inside, other=FIRST_OF_NOBODY)
    return q, grad, own, corner, level, share, inner, begin, stop


@triton.jit
def pair(
    q,
    grad,
    own,
    corner,
    numbers,
    level,
    passed,
    share,
    inner,
    begin,
    position,
    k,
    v,
    oldest,
    at_key,
    there,
    scale,
    FORM: tl.constexpr,
    DOCUMENTS: tl.constexpr,
    DIAGONAL: tl.constexpr,
    MASKED: tl.constexpr,
    INTERPRET: tl.constexpr,
):
    """Compute the weights of a tile of queries and a tile of keys, the gradients of its scores, and the next state."""
    visible = visible_keys(at_key, there, begin, position, oldest, DIAGONAL, DOCUMENTS)
    logits = logits_of(
        dot(q, tl.trans(k), INTERPRET), own, corner, numbers, position, at_key, there, visible, scale,
        FORM, DIAGONAL, MASKED or DOCUMENTS,
    )  # fmt: skip
    return differentiate(logits, level, passed, share, inner, dot(grad, tl.trans(v), INTERPRET), FORM)


@triton.jit
def of_queries(
    q,
    grad,
    own,
    corner,
    numbers,
    level,
    passed,
    share,
    inner,
    begin,
    position,
    inside,
    key,
    key_token,
    value,
    value_token,
    oldest,
    tile,
    states,
    half,
    keys,
    width,
    scale,
    d_q,
    d_own,
    FORM: tl.constexpr,
    DOCUMENTS: tl.constexpr,
    DIAGONAL: tl.constexpr,
    WIDTH: tl.constexpr,
    WHOLE: tl.constexpr,
    INTERPRET: tl.constexpr,
    N: tl.constexpr,
):
    """Add one tile of keys to the gradients of a tile of queries."""
    at_key = tile * N + tl.arange(0, N)
    there = at_key < keys
    if FORM == "stick":
        tl.store(states + tile, level, mask=inside)
        tl.store(states + half + tile, passed, mask=inside)
    k = load(key, key_token, at_key, there, width, WIDTH, WHOLE, not DIAGONAL)
    v = load(value, value_token, at_key, there, width, WIDTH, WHOLE, not DIAGONAL)
    _, d_logits, level, passed = pair(
        q, grad, own, corner, numbers, level, passed, share, inner, begin, position, k, v, oldest, at_key, there, scale,
        FORM, DOCUMENTS, DIAGONAL, DIAGONAL, INTERPRET,
    )  # fmt: skip
    return d_q + dot(d_logits.to(k.dtype), k, INTERPRET), d_own + tl.sum(d_logits, 1), level, passed


@triton.jit
def of_keys(
    query,
    gradient,
    output,
    numbers,
    offset,
    oldest,
    rows,
    plane,
    states,
    half,
    first_row,
    band,
    step,
    head,
    heads,
    queries,
    keys,
    width,
    scale,
    k,
    v,
    at_key,
    there,
    tile,
    d_k,
    d_v,
    d_sums,
    FORM: tl.constexpr,
    DOCUMENTS: tl.constexpr,
    DIAGONAL: tl.constexpr,
    WIDTH: tl.constexpr,
    WHOLE: tl.constexpr,
    INTERPRET: tl.constexpr,
    M: tl.constexpr,
    N: tl.constexpr,
):
    """Add one tile of queries to the gradients of a tile of keys, unless its walk has ended before."""
    row = first_row + step * M + tl.arange(0, M)
    inside = row < queries
    first = newest_seen(first_row + step * M, queries, keys, FORM)
    q, grad, own, corner, level, share, inner, begin, stop = row_tile(
        query, gradient, output, numbers, offset, oldest, rows, plane, row, inside, first, head, heads, queries, keys,
        width, FORM, DOCUMENTS, WIDTH, WHOLE,
    )  # fmt: skip
    if stop // N <= tile:
        passed = tl.zeros_like(inner)
        if FORM == "stick":
            of_row = tl.cast(head, tl.int64) * band + step * M + tl.arange(0, M)
            state = states + of_row * tl.cdiv(keys, N) + tile
            level = tl.load(state, mask=inside, other=0.0)
            passed = tl.load(state + half, mask=inside, other=0.0)
        weights, d_logits, _, _ = pair(
            q, grad, own, corner, numbers, level, passed, share, inner, begin, first + tl.arange(0, M), k, v, oldest,
            at_key, there, scale, FORM, DOCUMENTS, DIAGONAL, True, INTERPRET,
        )  # fmt: skip
        d_v += dot(tl.trans(weights.to(v.dtype)), grad, INTERPRET)
        d_k += dot(tl.trans(d_logits.to(k.dtype)), q, INTERPRET)
        d_sums += tl.sum(d_logits, 0)
    return d_k, d_v, d_sums
