"""Perplexity by position: how well the model predicts the next token, by the number of tokens before it."""

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
"""Number of logits in memory at a time: 64 MiB in float32."""
_SHORTEST = 32
"""Approximate number of tokens before the end of the first bucket; there are two buckets per doubling."""


@dataclass(frozen=True)
class Bucket:
    """The tokens with ``first`` to ``last`` tokens before them."""

    first: int
    last: int
    loss: Estimate
    """Cross-entropy, averaged over tokens, then over windows [nats]; its exponential is the perplexity."""


def token_losses(
    hidden: Float[Tensor, "tokens dim"],
    tokens: Int[Tensor, " tokens"],
    head: Callable[[Tensor], Float[Tensor, "some vocab"]],
    vocab_size: int,
) -> Float[Tensor, " tokens-1"]:
    """Compute the cross-entropy of every token but the first [nats]; memory holds the logits of some tokens at a time.

    Losses are float64 if the logits are float64, and float32 otherwise.
    """
    chunk = max(1, _LOGITS_AT_ONCE // vocab_size)
    parts = zip(hidden[:-1].split(chunk), tokens[1:].split(chunk), strict=True)
    return torch.cat([F.cross_entropy(in_float32(head(some)), next_, reduction="none") for some, next_ in parts])


def by_position(losses: Float[Tensor, "windows told"]) -> list[Bucket]:
    """Average losses over windows, in buckets that end at the longest length divided by powers of the root of 2."""
    longest = losses.shape[1] + 1
    edges = [longest]
    while (edge := round(longest / 2 ** (len(edges) / 2))) >= _SHORTEST:
        edges.append(edge)
    buckets = []
    for start, stop in pairwise([0, *reversed(edges)]):
        # The loss at index i belongs to a token with i + 1 tokens before it; no token follows the last position.
        told = losses[:, start : min(stop, longest - 1)]
        buckets.append(Bucket(start + 1, start + told.shape[1], mean(told.double().mean(1).cpu().numpy())))
    return buckets
