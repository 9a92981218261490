"""Intervals for counts and for ratios over sequences; scipy does the work."""

import numpy as np

Interval = tuple[float, float]


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
        confidence_level=confidence,
        method="percentile",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return float(interval.low), float(interval.high)
