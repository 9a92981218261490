"""Numbers with 95 % intervals, and the two intervals that have a formula: of a proportion, and of a mean over seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95
"""Of every interval."""


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval; each is nan where there is none."""

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
"""What is estimated where there is nothing to estimate it from."""


def wilson(successes: int, trials: int) -> Estimate:
    """Estimate a proportion by Wilson's score interval: ``successes`` of one or more independent ``trials``."""
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(LEVEL, method="wilson")
    return Estimate(successes / trials, float(interval.low), float(interval.high))


def student_mean(values: Sequence[float]) -> Estimate:
    """Estimate a mean over one or more values, such as those of seeds, by Student's t interval.

    A single value says nothing of the spread and has no interval; values that are all the same have one of no width.
    """
    from scipy.stats import t

    count, mean = len(values), float(np.mean(values))
    if count < 2:
        return Estimate(mean, math.nan, math.nan)
    half = float(t.ppf((1 + LEVEL) / 2, count - 1) * np.std(values, ddof=1) / np.sqrt(count))
    return Estimate(mean, mean - half, mean + half)
