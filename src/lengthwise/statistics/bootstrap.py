"""Numbers with bootstrap intervals over inputs.

Measurements on one input are correlated: the tokens of a sequence are not independent, and a causal model reads all
lengths of a window in one pass, so that the points of a line over lengths are correlated too. The inputs are
independent. The bootstrap therefore resamples whole inputs, with replacement, and computes the statistic on each
resample; the percentiles of these statistics are the interval (Efron, Annals of Statistics 7, 1979). With few inputs
the interval is somewhat too narrow; with fewer than five it would mean nothing, so none is given.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

from lengthwise.statistics.estimate import CONFIDENCE, UNKNOWN, Estimate, wilson

RESAMPLES = 2_000
FEWEST = 5
"""Number of inputs below which no interval is given."""
AT_ONCE = 2**22
"""Numbers held in memory at a time (32 MiB of float64). The limit bounds memory and does not change the result."""


def bootstrap(
    statistic: Callable[[np.ndarray], np.ndarray], inputs: int, *, seed: int = 0, width: int = 1, fewest: int = FEWEST
) -> Estimate:
    """Estimate a statistic over ``inputs`` that are independent of each other.

    Args:
        statistic: maps the number of times each input was drawn, (draws, inputs) of float64, to the statistic of each
            draw, (draws,). A nan means that the drawn inputs have no such statistic; it is left out.
        inputs: the number of inputs.
        seed: the seed of the draws.
        width: the number of values that the statistic holds in memory for each draw.
        fewest: the number of inputs below which no interval is given.

    Returns:
        The statistic of all inputs with its interval; ``UNKNOWN`` if the statistic is not finite.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(np.ones((1, inputs)))[0])
        if not math.isfinite(value):
            return UNKNOWN
        if inputs < fewest:
            return Estimate(value, math.nan, math.nan)
        at_once = max(1, AT_ONCE // max(inputs, width))
        draws = np.concatenate([statistic(counts) for counts in _drawn(inputs, at_once, seed)])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(draws[np.isfinite(draws)], [tail, 1 - tail])
    return Estimate(value, float(low), float(high))


def ratio(numerators: np.ndarray, denominators: np.ndarray) -> Estimate:
    """Estimate ``sum(numerators) / sum(denominators)``; each input has one numerator and one denominator."""
    return _ratio(numerators, denominators, FEWEST)


def mean(values: np.ndarray) -> Estimate:
    """Estimate the mean over inputs; each input has one value."""
    return _ratio(values, np.ones(len(values)), FEWEST)


def share(numerators: np.ndarray, denominators: np.ndarray) -> Estimate:
    """Estimate a ratio between 0 and 1 as :func:`ratio` does, with an interval even for fewer than five inputs.

    If every input has the same ratio, a bootstrap interval would have no width. The wider Wilson interval, with one
    trial per input, replaces it.
    """
    ratios = numerators / denominators
    if np.all(ratios == ratios[0]):
        stand_in = wilson(round(float(ratios[0]) * len(ratios)), len(ratios))
        return Estimate(float(numerators.sum() / denominators.sum()), stand_in.low, stand_in.high)
    return _ratio(numerators, denominators, 2)


def _ratio(numerators: np.ndarray, denominators: np.ndarray, fewest: int) -> Estimate:
    both = np.stack([numerators, denominators], axis=1).astype(np.float64)

    def ratios(counts: np.ndarray) -> np.ndarray:
        top, bottom = (counts @ both).T
        return np.asarray(top / bottom)

    return bootstrap(ratios, len(both), fewest=fewest)


def _drawn(inputs: int, at_once: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each input is in each resample, in blocks (at most ``at_once``, inputs) of float64."""
    generator = np.random.default_rng(seed)
    for start in range(0, RESAMPLES, at_once):
        draws = min(at_once, RESAMPLES - start)
        drawn = generator.integers(0, inputs, (draws, inputs))
        drawn += inputs * np.arange(draws)[:, None]  # each resample counts in its own range
        yield np.bincount(drawn.ravel(), minlength=draws * inputs).reshape(draws, inputs).astype(np.float64)
