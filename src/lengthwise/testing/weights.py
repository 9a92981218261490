"""Promises about a layer's weights, as its traits state: sums, hidden keys, the order of keys, and products."""

from dataclasses import replace

import torch

from lengthwise.attention.call import Call
from lengthwise.testing.check import expect, expect_close
from lengthwise.testing.subjects import TOKENS, Layer


def call_of(layer: Layer) -> Call:
    """Return the call that the weights part gets for random hidden states."""
    calls: list[Call] = []
    with torch.no_grad(), layer.module.weights.watched_by(calls.append):
        layer(layer.inputs())
    return calls[0]


@torch.no_grad()
def hidden_keys_weigh_nothing(layer: Layer) -> None:
    """Compute all weights: they must be 0 at hidden keys, and ``newest`` must be the last row."""
    call, weights = call_of(layer), layer.module.weights
    found = weights.probabilities(call)
    hidden = found.masked_fill(call.layout.visible(), 0).abs()
    expect(bool((hidden == 0).all()), f"a key that a query cannot see has the weight {hidden.max().item():.3g}")
    newest, last = weights.newest(call), found[:, :, -1:]
    expect(newest.shape == last.shape, f"newest has the shape {tuple(newest.shape)}, not {tuple(last.shape)}")
    off = (newest - last).abs().max().item()
    expect(
        off <= 1e-9 * max(1, last.abs().max().item()), f"newest and the last row of probabilities differ by {off:.3g}"
    )


@torch.no_grad()
def rows_sum_to_one(layer: Layer) -> None:
    """Check that the weights of each query sum to 1."""
    sums = layer.module.weights.probabilities(call_of(layer)).sum(-1)
    off = (sums - 1).abs().max().item()
    expect(
        off < 1e-9,
        f"the weights of a query sum to 1 only up to {off:.3g}; if they need not, the traits say so: normalised=False",
    )


@torch.no_grad()
def order_makes_no_difference(layer: Layer) -> None:
    """Shuffle all tokens but the last, and compare the output of the last token."""
    hidden, order = layer.inputs(), torch.randperm(TOKENS - 1, dtype=torch.long, device="cpu")
    shuffled = torch.cat([hidden[:, order], hidden[:, -1:]], 1)
    when = (
        "with its keys in another order (if order matters to the weights, the traits say so: "
        "permutation_invariant=False)"
    )
    expect_close(layer(shuffled)[:, -1:], layer(hidden)[:, -1:], when)


@torch.no_grad()
def keys_enter_by_products(layer: Layer) -> None:
    """Transform queries and keys by maps that preserve their products."""
    call, weights = call_of(layer), layer.module.weights
    width = call.query.shape[-1]
    turn = torch.eye(width, dtype=torch.float64, device="cpu") + torch.ones_like(call.query[0, 0, :width]) / (2 * width)
    turned = replace(call, query=call.query @ turn, key=call.key @ torch.linalg.inv(turn).mT)
    when = (
        "for other queries and keys of the same products (if keys enter in other ways, too, the traits say so: "
        "keys_enter_by_products=False)"
    )
    expect_close(weights(turned), weights(call), when)
    prepared = weights.prepare(call.query, call.key, call.value)
    same = all(torch.equal(*pair) for pair in zip(prepared, (call.query, call.key), strict=True))
    expect(same, "prepare changes queries or keys; the traits say so: keys_enter_by_products=False")
