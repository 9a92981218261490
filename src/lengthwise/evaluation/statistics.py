"""Intervals for counts, for ratios over sequences and for means over seeds; scipy does the work."""

from collections.abc import Sequence

import numpy as np

Interval = tuple[float, float]
DRAWN_AT_ONCE = 8_000_000
"""Sequences, which bounds the memory of a bootstrap; its result is the same."""


def wilson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Wilson score interval of a proportion: ``successes`` of ``trials`` independent ones."""
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def ratio_interval(numerators: np.ndarray, denominators: np.ndarray, confidence: float = 0.95) -> Interval:
    """Interval of ``sum(numerators) / sum(denominators)`` over independent sequences, by bootstrap.

    The tokens of a sequence are not independent, so whole sequences are drawn. Where every sequence has the same ratio
    there is nothing to draw from; the Wilson interval with one trial a sequence stands in, which is wider.
    """
    from scipy.stats import bootstrap

    ratios = numerators / denominators
    if np.all(ratios == ratios[0]):
        return wilson(round(float(ratios[0]) * len(ratios)), len(ratios), confidence)
    interval = bootstrap(
        (numerators, denominators),
        lambda top, bottom, axis: top.sum(axis) / bottom.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=2_000,
        batch=max(1, DRAWN_AT_ONCE // len(ratios)),
        confidence_level=confidence,
        method="percentile",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Student's t interval of the mean of two or more values; without width where they are all the same."""
    from scipy.stats import t

    count, mean = len(values), float(np.mean(values))
    half = float(t.ppf((1 + confidence) / 2, count - 1) * np.std(values, ddof=1) / np.sqrt(count))
    return mean - half, mean + half


def log_slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Least-squares slope of log y against log x, both positive: the exponent of a power law."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])
