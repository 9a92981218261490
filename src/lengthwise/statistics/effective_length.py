"""How far a metric stays up: the longest length at which it keeps a share of its value at a base length.

The interval is a bootstrap over seeds and over examples. Each draw takes seeds with replacement, the same at every
length. For each seed and length it draws a share of right examples from Jeffreys' posterior, Beta(right + 1/2,
wrong + 1/2): long examples are few, and a bootstrap of 16 right examples out of 16 would have no width (Brown, Cai and
DasGupta, Statistical Science 16, 2001). Other metrics are drawn from a normal distribution with their standard error.
With one seed, the interval speaks about other examples, and not about training again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lengthwise.statistics.bootstrap import RESAMPLES
from lengthwise.statistics.estimate import CONFIDENCE


@dataclass(frozen=True)
class Share:
    """Shares of examples that are right, at one length."""

    right: np.ndarray
    """Number of right examples of each seed, (seeds,)."""
    examples: np.ndarray
    """Number of examples of each seed, (seeds,)."""

    @property
    def values(self) -> np.ndarray:
        """The shares, (seeds,)."""
        return self.right / self.examples

    def draw(self, random: np.random.Generator, draws: int) -> np.ndarray:
        """Draw shares from Jeffreys' posterior, (draws, seeds)."""
        return random.beta(self.right + 0.5, self.examples - self.right + 0.5, (draws, len(self.right)))


@dataclass(frozen=True)
class Number:
    """Numbers with standard errors, at one length."""

    values: np.ndarray
    """The number of each seed, (seeds,)."""
    errors: np.ndarray
    """The standard error of each number over examples, (seeds,); nan where it is not known."""

    def draw(self, random: np.random.Generator, draws: int) -> np.ndarray:
        """Draw numbers from normal distributions, (draws, seeds)."""
        return self.values + self.errors * random.standard_normal((draws, len(self.values)))


@dataclass(frozen=True)
class Span:
    """The longest length at which a metric stays up, and the ends of its 95 % interval, all of them tried lengths."""

    length: int
    low: int | None
    """None, as the other end, if an error is not known."""
    high: int | None


def effective_length(
    at: Sequence[tuple[int, Share | Number]],
    *,
    level: float,
    higher_is_better: bool,
    crossed: tuple[int, int] | None = None,
    seed: int = 0,
) -> Span | None:
    """Estimate the longest length up to which the mean over seeds stays within ``level`` of the base.

    Args:
        at: each length, shortest first, with the metric of every seed there; the first length is the base.
        level: the share of the base's value that still counts; a lower-is-better metric may rise to the base's value
            divided by ``level``.
        higher_is_better: the direction of the metric.
        crossed: numbers of seeds of the weights and of the data, if the seeds are all pairs of them, in this order.
            Then a draw takes seeds of each kind with replacement, and all their pairs (Owen, Annals of Applied
            Statistics 1, 2007).
        seed: the seed of the draws.

    Returns:
        The longest length, at least the base; None if a higher-is-better metric is 0 at the base, where a share of it
        means nothing.
    """
    lengths, found = zip(*at, strict=True)
    means = np.stack([of.values.mean(keepdims=True) for of in found])
    if higher_is_better and means[0, 0] <= 0:
        return None
    random = np.random.default_rng(seed)
    weights, data = crossed or (len(found[0].values), 1)
    rows, columns = (random.integers(0, number, (RESAMPLES, number)) for number in (weights, data))
    picked = (rows[:, :, None] * data + columns[:, None, :]).reshape(RESAMPLES, -1)
    drawn = np.stack([np.take_along_axis(of.draw(random, RESAMPLES), picked, 1).mean(1) for of in found])
    value, *_ = _last(means, level, higher_is_better)
    if np.isnan(drawn).any():
        return Span(lengths[value], None, None)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(_last(drawn, level, higher_is_better), [tail, 1 - tail], method="nearest")
    return Span(lengths[value], lengths[min(low, value)], lengths[max(high, value)])


def _last(means: np.ndarray, level: float, higher_is_better: bool) -> np.ndarray:
    """Return the index of the last length before the first one that is too far from the base, (draws,)."""
    kept = means >= level * means[0] if higher_is_better else means <= means[0] / level
    kept[0] = True
    return np.where(kept.all(0), len(means), kept.argmin(0)) - 1
