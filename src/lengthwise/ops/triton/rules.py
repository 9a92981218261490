"""The rules of the walk in Triton: how a product of a query and a key becomes a logit, and a logit a weight.

``FORM`` names the rule: ``"forgetting"`` and ``"distance"`` are softmaxes with a bias; ``"softpick"``, ``"sigmoid"``
and ``"stick"`` (stick-breaking) have none. Logits are in base 2, because the GPU's exponential is.

A query carries one number, its ``level``, from tile to tile. It is a running maximum of logits in a softmax and in
softpick, whose weights are divided by 2 ** ``level``, so that they cannot overflow, and at the end by the sum of
masses. In stick-breaking it is the logarithm of the weight that newer keys have left.
"""

import triton
import triton.language as tl

from lengthwise.ops.triton.tiles import LOG2_E, LOWEST

EPS = tl.constexpr(1e-8)
"""What softpick adds to its denominator, as in the authors' code."""
LEAST = tl.constexpr(-200.0)
"""Logits of softpick end here: 2 to this power is 0 beside 1."""
LN_2 = tl.constexpr(0.6931471805599453)


@triton.jit
def logits_of(
    products,
    own,
    corner,
    numbers,
    position,
    at_key,
    there,
    visible,
    scale,
    FORM: tl.constexpr,
    DIAGONAL: tl.constexpr,
    MASKED: tl.constexpr,
):
    """Compute the logits of a tile (M, N), minus infinity for hidden keys.

    ``own`` is each query's own number: its sum of logarithms of gates, or its offset. ``numbers`` points to those of
    the keys, or to the biases of the distances from 0 on. ``corner`` is the sum of the first query of the tile.
    """
    logits = products * (scale * LOG2_E)
    if FORM == "forgetting":
        theirs = tl.load(numbers + at_key, mask=there, other=0.0)
        if DIAGONAL:
            between = (own[:, None] - theirs[None, :]).to(tl.float32)
        else:
            # Both differences are at most 0, so that nothing cancels where the sum is small.
            between = (own - corner).to(tl.float32)[:, None] + (corner - theirs).to(tl.float32)[None, :]
        logits += between * LOG2_E
    elif FORM == "distance":
        distance = position[:, None] - at_key[None, :]
        logits += tl.load(numbers + distance, mask=visible, other=0.0) * LOG2_E
    elif FORM == "sigmoid":
        logits += (own * LOG2_E)[:, None]
    if MASKED:
        logits = tl.where(visible, logits, -float("inf"))
    return logits


@triton.jit
def first_level(zeros, FORM: tl.constexpr):
    """Return the level before all keys; softpick's 1 stands beside the powers, so there it is 0."""
    level = zeros
    if FORM == "forgetting" or FORM == "distance":
        level += LOWEST
    return level


@triton.jit
def weigh(logits, level, FORM: tl.constexpr):
    """Compute the weights of a tile and the masses that its denominators gain, (M, N) both, and the next level."""
    if FORM == "sigmoid":
        weights = 1.0 / (1.0 + tl.exp2(-logits))
        masses = weights
    elif FORM == "stick":
        weights, _, level = broken_off(logits, level)
        masses = weights
    elif FORM == "softpick":
        level = tl.maximum(level, tl.ceil(tl.max(logits, 1)))  # whole, so that its powers are exact
        excess, _ = less_one(logits, level)
        excess = tl.where(logits == -float("inf"), 0.0, excess)
        weights, masses = tl.where(excess < 0.0, 0.0, excess), tl.abs(excess)
    else:
        level = tl.maximum(level, tl.max(logits, 1))
        weights = tl.exp2(logits - level[:, None])
        masses = weights
    return weights, masses, level


@triton.jit
def fading(before, after, FORM: tl.constexpr):
    """Return the factor of all sums when the level changes."""
    return before * 0.0 + 1.0 if FORM == "sigmoid" or FORM == "stick" else tl.exp2(before - after)


@triton.jit
def denominator(total, level, FORM: tl.constexpr):
    """Compute what the sums of weighted values are divided by, from the sums of masses (M,)."""
    if FORM == "sigmoid" or FORM == "stick":
        total = total * 0.0 + 1.0
    elif FORM == "softpick":
        total += EPS * tl.exp2(-level)
    return total


@triton.jit
def differentiate(logits, level, passed, share, inner, d_weights, FORM: tl.constexpr):
    """Compute the weights of a tile again and the gradients of its scores, (M, N) both, and the next two numbers.

    ``share`` is the reciprocal of the denominator, ``inner`` the product of the output and its gradient. In
    stick-breaking, ``passed`` is the part of ``inner`` that newer tiles have; of the rest, older keys lose a part if a
    key takes more.
    """
    if FORM == "sigmoid":
        power = tl.exp2(-tl.abs(logits))
        small, large = power / (1.0 + power), 1.0 / (1.0 + power)
        weights = tl.where(logits > 0.0, large, small)
        d_scores = weights * tl.where(logits > 0.0, small, large) * d_weights
    elif FORM == "stick":
        weights, taken, level = broken_off(logits, level)
        parts = weights * d_weights
        newer = tl.cumsum(parts, 1, reverse=True) - parts
        d_scores = parts - taken * ((inner - passed)[:, None] - newer)
        passed += tl.sum(parts, 1)
    elif FORM == "softpick":
        excess, power = less_one(logits, level)
        seen = (logits == -float("inf")) == 0
        # As in torch, |x| and relu(x) have the gradient 0 at 0.
        gained = tl.where(excess > 0.0, d_weights - inner[:, None], tl.where(excess < 0.0, inner[:, None], 0.0))
        weights = tl.where(seen & (excess > 0.0), excess * share[:, None], 0.0)
        d_scores = tl.where(seen, power * share[:, None] * gained, 0.0)
    else:
        weights = tl.exp2(logits - level[:, None]) * share[:, None]
        d_scores = weights * (d_weights - inner[:, None])
    return weights, d_scores, level, passed


@triton.jit
def broken_off(logits, level):
    """Compute the weights of stick-breaking, the sigmoids of the logits, and the level after the tile."""
    power = tl.exp2(-tl.abs(logits))
    # The logarithm of what a key leaves, with the sign changed: log2(1 + 2 ** logit).
    loss = tl.where(logits > 0.0, logits, 0.0) + tl.log2(1.0 + power)
    newer = tl.cumsum(loss, 1, reverse=True)  # the key itself counts, too
    weights = tl.exp2(logits - newer + level[:, None])
    taken = tl.where(logits > 0.0, 1.0, power) / (1.0 + power)
    return weights, taken, level - tl.sum(loss, 1)


@triton.jit
def less_one(logits, level):
    """Compute (2 ** logit - 1) / 2 ** level, without cancellation near a logit of 0; and 2 ** (logit - level)."""
    x = tl.where(logits < LEAST, LEAST, logits)
    whole = tl.floor(x + 0.5)
    g = (x - whole) * LN_2
    series = 1.0 + g / 7.0
    series = 1.0 + g / 6.0 * series
    series = 1.0 + g / 5.0 * series
    series = 1.0 + g / 4.0 * series
    series = 1.0 + g / 3.0 * series
    series = 1.0 + g / 2.0 * series
    scale, unit = tl.exp2(whole - level[:, None]), tl.exp2(-level)[:, None]
    fraction = g * series * scale
    return fraction + (scale - unit), fraction + scale
