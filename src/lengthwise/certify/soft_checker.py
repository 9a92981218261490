"""The check of what a certificate claims for gates that are not zero; it shares no code with what wrote the claim.

It follows the layers of a certificate that :mod:`~lengthwise.certify.checker` has replayed. For each vector it keeps a
centre and the rows of a matrix, each of which may be added from -1 to 1 times; the vectors that the network can have
lie within, with its own gates, and with sums rounded in float32 in any order.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

Array = np.ndarray
Set = tuple[Array, Array]
"""Centres, and rows that may be added."""
ROUNDED = 1.01 * 2.0**-24
FLUSHED = 1.2e-38
"""Smaller numbers may become 0."""
VANISHED = 104.0
"""A weight of less than e^-104 of the largest one is 0 in float32."""


class OpenError(Exception):
    """The claim cannot be shown here; the argument says where."""


def smallest_margin(
    blocks: list[dict[str, Array]],
    levels: list[dict[str, Any]],
    meets: list[Array],
    held: dict[str, Array],
    model: dict[str, Any],
    symbols: set[tuple[int, int | None]],
) -> float:
    """Return a bound below which no margin of logits lies.

    Args:
        blocks: the weights of each layer.
        levels: the claims about each layer.
        meets: by layer, which vectors can be that of a query and that of a key which it sees.
        held: all weights.
        model: what the certificate says of the model.
        symbols: the numbers of vectors after the last layer, with the answers that are asked.

    Raises:
        OpenError: if a score may have another sign, or a vector may vanish.
    """
    centre = held["embedding.weight"]
    now: Set = centre, np.zeros((len(centre), 0, centre.shape[1]))
    for number, (block, level, meet) in enumerate(zip(blocks, levels, meets, strict=True), 1):
        parts = list(_layer(now, block, np.array(level["recipes"]), meet, model, f"layer {number}"))
        now = np.concatenate([c for c, _ in parts]), np.concatenate([rows for _, rows in parts])
    centre, rows = _linear(_norm(now, held["norm.weight"]), held.get("head.weight", held["embedding.weight"]))
    least = np.inf
    for at, answer in symbols:
        if answer is not None:
            apart = np.abs(rows[at][:, [answer]] - rows[at]).sum(0)
            least = min(least, np.delete(centre[at, answer] - centre[at] - apart, answer).min())
    return float(least)


def _layer(
    before: Set, block: dict[str, Array], recipes: Array, meet: Array, model: dict[str, Any], where: str
) -> Iterator[Set]:
    """Enclose what a layer makes of its vectors, some recipes at a time."""
    heads, width = model["heads"], model["head_dim"]
    normal = _norm(before, block["attention_norm.weight"])

    def of_heads(name: str) -> list[Set]:
        centre, rows = _linear(normal, block[f"attention.{name}.weight"])
        stored = centre.shape[1] // width
        cuts = [slice(h * width, (h + 1) * width) for h in range(stored)]
        return [(centre[:, cuts[h * stored // heads]], rows[..., cuts[h * stored // heads]]) for h in range(heads)]

    shares, values = list[Array](), of_heads("value")
    gate, rows = _linear(normal, block["attention.weights.forget.weight"], block["attention.weights.forget.bias"])
    x = gate + np.abs(rows).sum(1)
    log_gate = (-np.logaddexp(0, -x) - float(block.get("attention.weights.annealed", 0.0))) * (1 - 8 * ROUNDED)
    terms = list[Array]()
    for h, (query, key) in enumerate(zip(of_heads("query"), of_heads("key"), strict=True)):
        low, high = _scores(_norm(_sound(query, where)), _norm(_sound(key, where)), model["threshold"])
        if not ((low > 0) | (high < 0) | ~meet).all():
            raise OpenError(f"{where}: a score may lie on either side of the threshold")
        top = np.where(meet & (low > 0), high, -np.inf).max(1)
        above = np.where(np.isfinite(top), top, 0)[:, None] - low
        others = np.exp(np.minimum(above, 500)) * (np.exp(log_gate[:, h]) / -np.expm1(log_gate[:, h]))[:, None]
        others = 1.001 * others + 1e-20  # weights are rounded, and blockwise gives no kept key less than e^-78.6
        shares.append(others / (1 + others))
        terms.append(2 * (VANISHED + above) / -log_gate[:, [h]] + 32)
    base = normal if model["paper_faithful"] else before
    for some in np.array_split(recipes, max(1, len(recipes) // 48)):
        stream = _plus(_at(base, some[:, 0]), _attention(some, values, shares, terms, block))
        stream = _short(_sound(stream, where))
        inner = _norm(stream, block["feed_forward_norm.weight"])
        fed = _linear(inner, block["feed_forward.gate_and_up.weight"], block.get("feed_forward.gate_and_up.bias"))
        fed = _linear(_swiglu(fed), block["feed_forward.down.weight"], block.get("feed_forward.down.bias"))
        centre, rows = inner if model["paper_faithful"] else stream
        same = fed[1].copy()
        same[:, : rows.shape[1]] += rows  # the feed-forward is a function of the stream
        yield _short(_sound(_widened((centre + fed[0], same), 0.0, 1), where))


def _attention(
    recipes: Array, values: list[Set], shares: list[Array], terms: list[Array], block: dict[str, Array]
) -> Set:
    """Enclose the projected outputs of the heads: the newest kept value, and a share of any other."""
    matrix, width = block["attention.project.matrix.weight"], values[0][0].shape[1]
    centres, rows, largest = list[Array](), list[Array](), list[Array]()
    for h, (centre, spread) in enumerate(values):
        to, used = recipes[:, h + 1], recipes[:, h + 1] >= 0
        radius = np.abs(spread).sum(1)
        v, r = centre[to], radius[to]
        furthest = np.maximum((centre + radius).max(0) - v + r, v + r - (centre - radius).min(0))
        off = shares[h][recipes[:, 0], to][:, None] * furthest
        off = off + terms[h][recipes[:, 0], to][:, None] * ROUNDED * (np.abs(v) + r + off)
        of_head = np.concatenate([spread[to], _diagonal(off)], 1) * used[:, None, None]
        centres.append(v * used[:, None])
        largest.append(np.abs(centres[-1]) + np.abs(of_head).sum(1))
        rows.append(of_head @ matrix[:, h * width : (h + 1) * width].T)
    bias = block.get("attention.project.matrix.bias", np.zeros(len(matrix)))
    size = np.concatenate(largest, 1) @ np.abs(matrix).T + np.abs(bias)
    centre = np.concatenate(centres, 1) @ matrix.T + bias
    return _widened((centre, np.concatenate(rows, 1)), (matrix.shape[1] + 2) * ROUNDED * size, 0)


def _scores(query: Set, key: Set, threshold: float) -> tuple[Array, Array]:
    """Return the least and the greatest distance of each score from the threshold."""
    (q, of_q), (k, of_k), scale = query, key, query[0].shape[1] ** -0.5
    r, s = np.abs(of_q).sum(1), np.abs(of_k).sum(1)
    off = r @ s.T + sum(np.abs(of_q[:, at] @ k.T) for at in range(of_q.shape[1]))
    off = off + sum(np.abs(q @ of_k[:, at].T) for at in range(of_k.shape[1]))
    size = ((np.abs(q) + r) @ (np.abs(k) + s).T) * scale + abs(threshold)
    score, off = q @ k.T * scale - threshold, off * scale + (q.shape[1] + 3) * ROUNDED * size + 1e-12
    return score - off, score + off


def _norm(of: Set, weight: Array | float = 1.0) -> Set:
    x, rows = of
    dim, radius = x.shape[1], np.abs(rows).sum(1)
    along = np.einsum("skd,sd->sk", rows, x)
    far = np.minimum((radius**2).sum(1), np.linalg.norm(rows, axis=2).sum(1) ** 2)[:, None]
    square = (x**2).mean(1, keepdims=True) + 1e-6
    moved = (2 * np.abs(along).sum(1, keepdims=True) + far) / dim
    least = np.maximum(square - moved, 1e-6)
    second = np.abs(x) * (0.5 * square**-1.5 * far / dim + 0.375 * least**-2.5 * moved**2)
    second = second + radius * 0.5 * least**-1.5 * moved
    turned = rows * (square**-0.5)[:, None] - x[:, None, :] * (square**-1.5 * along / dim)[..., None]
    flushed = FLUSHED * (1 + np.abs(weight)) * 1e6
    return _widened((weight * x * square**-0.5, weight * turned), np.abs(weight) * second + flushed, dim / 2 + 8)


def _swiglu(of: Set) -> Set:
    (gate, up), (of_gate, of_up) = np.split(of[0], 2, 1), np.split(of[1], 2, 2)
    a, b = np.abs(of_gate).sum(1), np.abs(of_up).sum(1)
    open_ = 1 / (1 + np.exp(-gate))
    slope = open_ * (1 + gate * (1 - open_))
    rows = (slope * up)[:, None] * of_gate + (gate * open_)[:, None] * of_up
    rest = 0.25 * a**2 * (np.abs(up) + b) + 1.1 * a * b + 100 * FLUSHED * (1 + np.abs(up) + b)
    return _widened((gate * open_ * up, rows), rest, 8)


def _linear(of: Set, weight: Array, bias: Array | None = None) -> Set:
    added = 0.0 if bias is None else bias
    size = (np.abs(of[0]) + np.abs(of[1]).sum(1)) @ np.abs(weight).T + np.abs(added)
    if not (size < 1e15).all():
        raise OpenError("a bound grows beyond the range of float32")
    flushed = weight.shape[1] * FLUSHED * (1 + np.abs(weight).max())
    return _widened((of[0] @ weight.T + added, of[1] @ weight.T), (weight.shape[1] + 2) * ROUNDED * size + flushed, 0)


def _widened(of: Set, box: Array | float, roundings: float) -> Set:
    """Add a box, and the rounding of so many operations."""
    size = np.abs(of[0]) + np.abs(of[1]).sum(1) + box
    return of[0], np.concatenate([of[1], _diagonal(box + roundings * ROUNDED * size)], 1)


def _plus(one: Set, other: Set) -> Set:
    return _widened((one[0] + other[0], np.concatenate([one[1], other[1]], 1)), 0.0, 1)


def _short(of: Set) -> Set:
    """Enclose in as many rows as there are components, along the principal axes."""
    rows = of[1]
    axes = np.linalg.eigh(rows.transpose(0, 2, 1) @ rows)[1].transpose(0, 2, 1)
    inexact = 1e-12 * np.sqrt((rows**2).sum((1, 2)))[:, None]  # the axes are orthogonal to some 1e-15
    return of[0], (np.abs(rows @ axes.transpose(0, 2, 1)).sum(1) + inexact)[..., None] * axes


def _sound(of: Set, where: str) -> Set:
    if not (np.linalg.norm(np.abs(of[1]).sum(1), axis=1) < np.linalg.norm(of[0], axis=1)).all():
        raise OpenError(f"{where}: a vector may differ by its own length")
    return of


def _at(of: Set, index: Array) -> Set:
    return of[0][index], of[1][index]


def _diagonal(box: Array) -> Array:
    return box[..., None] * np.eye(box.shape[-1])
