"""Numbers with 95 % intervals, and the two intervals with a formula: of a proportion, and of a mean over seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
"""Confidence level of every interval."""


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval; a number or an interval that does not exist is nan."""

    value: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """True if there is a number."""
        return math.isfinite(self.value)

    @property
    def bounded(self) -> bool:
        """True if there is an interval."""
        return math.isfinite(self.low)


UNKNOWN = Estimate(math.nan, math.nan, math.nan)
"""The estimate where there is no data to estimate from."""


def exponential(nats: float) -> float:
    """Return the perplexity of a loss; infinite from 710 nats on, where a float overflows."""
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf


def wilson(successes: int, trials: int) -> Estimate:
    """Estimate a proportion, ``successes`` of one or more independent ``trials``, with Wilson's score interval."""
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(successes / trials, float(interval.low), float(interval.high))


def student_mean(values: Sequence[float]) -> Estimate:
    """Estimate a mean over one or more values, such as one per seed, with Student's t interval.

    A single value says nothing about the spread and has no interval. The interval of equal values has no width.
    """
    from scipy.stats import t

    count, mean = len(values), float(np.mean(values))
    if count < 2:
        return Estimate(mean, math.nan, math.nan)
    half = float(t.ppf((1 + CONFIDENCE) / 2, count - 1) * np.std(values, ddof=1) / np.sqrt(count))
    return Estimate(mean, mean - half, mean + half)
