"""Perplexity by position: how well the next token is told, by how much of the text stands before it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.attention.precision import in_float32
from lengthwise.statistics.bootstrap import mean
from lengthwise.statistics.estimate import Estimate

_LOGITS_AT_ONCE = 2**24
"""64 MiB in float32."""
_SHORTEST = 32
"""Tokens before the end of the first bucket, roughly; there are two buckets to a doubling."""


@dataclass(frozen=True)
class Bucket:
    """The tokens that are told from ``first`` to ``last`` tokens before them."""

    first: int
    last: int
    loss: Estimate
    """Cross-entropy in nats, mean over tokens, then over windows; its exponential is the perplexity."""


def exponential(nats: float) -> float:
    """The perplexity of a loss; infinite where it is larger than a number can be, from 710 nats."""
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf


def token_losses(
    hidden: Float[Tensor, "tokens dim"],
    tokens: Int[Tensor, " tokens"],
    head: Callable[[Tensor], Float[Tensor, "some vocab"]],
    vocab_size: int,
) -> Float[Tensor, " tokens-1"]:
    """Cross-entropy of every token but the first, in nats; logits are held for some tokens at a time.

    Losses are in float32, or in float64 where the logits are.
    """
    chunk = max(1, _LOGITS_AT_ONCE // vocab_size)
    parts = zip(hidden[:-1].split(chunk), tokens[1:].split(chunk), strict=True)
    return torch.cat([F.cross_entropy(in_float32(head(some)), next_, reduction="none") for some, next_ in parts])


def by_position(losses: Float[Tensor, "windows told"]) -> list[Bucket]:
    """Means over windows, in buckets that end at the longest length and its halves, and half-way, in logarithms."""
    longest = losses.shape[1] + 1
    edges = [longest]
    while (edge := round(longest / 2 ** (len(edges) / 2))) >= _SHORTEST:
        edges.append(edge)
    buckets = []
    for start, stop in pairwise([0, *reversed(edges)]):
        # The loss at place i is that of a token with i + 1 tokens before it; of the last place, nothing follows.
        told = losses[:, start : min(stop, longest - 1)]
        buckets.append(Bucket(start + 1, start + told.shape[1], mean(told.double().mean(1).cpu().numpy())))
    return buckets
