"""Numbers with intervals over the inputs they come from, by bootstrap.

What is measured on one input hangs together: the tokens of a sequence are not independent, and a causal model reads all
lengths of a window in one pass, so that the points of a line over lengths are correlated. What is independent are the
inputs. So whole inputs are drawn, with replacement, and the statistic is taken anew: its percentiles are the interval
(Efron, Annals of Statistics 7, 1979). Over few inputs such an interval is somewhat too narrow; over fewer than five it
would mean nothing, and there is none.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

from lengthwise.statistics.estimate import LEVEL, UNKNOWN, Estimate, wilson

RESAMPLES = 2_000
FEWEST = 5
"""Inputs below which nothing is said of an interval."""
AT_ONCE = 2**22
"""Numbers held at a time, 32 MiB, which bounds the memory of a bootstrap; its result is the same."""


def bootstrap(
    statistic: Callable[[np.ndarray], np.ndarray], inputs: int, *, seed: int = 0, width: int = 1, fewest: int = FEWEST
) -> Estimate:
    """Estimate a statistic over ``inputs`` that are independent of each other.

    Args:
        statistic: from how often each input is drawn, (draws, inputs) of float64, to a number for each draw, (draws,);
            nan, which does not count, where the inputs drawn have none.
        inputs: how many there are.
        seed: of the draws.
        width: numbers that the statistic holds for each draw.
        fewest: inputs below which there is no interval.

    Returns:
        The statistic of the inputs as they are; ``UNKNOWN`` where that is not finite.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(np.ones((1, inputs)))[0])
        if not math.isfinite(value):
            return UNKNOWN
        if inputs < fewest:
            return Estimate(value, math.nan, math.nan)
        at_once = max(1, AT_ONCE // max(inputs, width))
        draws = np.concatenate([statistic(counts) for counts in _drawn(inputs, at_once, seed)])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws[np.isfinite(draws)], [tail, 1 - tail])
    return Estimate(value, float(low), float(high))


def ratio(numerators: np.ndarray, denominators: np.ndarray, *, seed: int = 0) -> Estimate:
    """Estimate ``sum(numerators) / sum(denominators)``, one of each for an input."""
    return _ratio(numerators, denominators, seed, FEWEST)


def mean(values: np.ndarray, *, seed: int = 0) -> Estimate:
    """Estimate the mean over inputs, one value for each."""
    return _ratio(values, np.ones(len(values)), seed, FEWEST)


def share(numerators: np.ndarray, denominators: np.ndarray, *, seed: int = 0) -> Estimate:
    """Estimate a ratio from 0 to 1, as :func:`ratio` does, over any number of inputs.

    Where every input has the same ratio there is nothing to draw from; the Wilson interval with one trial an input
    stands in, which is wider.
    """
    ratios = numerators / denominators
    if np.all(ratios == ratios[0]):
        stand_in = wilson(round(float(ratios[0]) * len(ratios)), len(ratios))
        return Estimate(float(numerators.sum() / denominators.sum()), stand_in.low, stand_in.high)
    return _ratio(numerators, denominators, seed, 2)


def _ratio(numerators: np.ndarray, denominators: np.ndarray, seed: int, fewest: int) -> Estimate:
    both = np.stack([numerators, denominators], axis=1).astype(np.float64)

    def ratios(counts: np.ndarray) -> np.ndarray:
        top, bottom = (counts @ both).T
        return np.asarray(top / bottom)

    return bootstrap(ratios, len(both), seed=seed, fewest=fewest)


def _drawn(inputs: int, at_once: int, seed: int) -> Iterator[np.ndarray]:
    """How often each input is in each resample, (some, inputs) of float64 at a time."""
    generator = np.random.default_rng(seed)
    for start in range(0, RESAMPLES, at_once):
        draws = min(at_once, RESAMPLES - start)
        drawn = generator.integers(0, inputs, (draws, inputs))
        drawn += inputs * np.arange(draws)[:, None]  # a range of its own for each resample
        yield np.bincount(drawn.ravel(), minlength=draws * inputs).reshape(draws, inputs).astype(np.float64)
