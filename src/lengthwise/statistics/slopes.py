"""Exponents of power laws: slopes of one logarithm against another, by least squares."""

from collections.abc import Sequence

import numpy as np

from lengthwise.statistics.bootstrap import bootstrap
from lengthwise.statistics.estimate import UNKNOWN, Estimate


def log_slope(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> np.ndarray:
    """Compute the least-squares slope of log y, (..., points), against log x, (points,), with two or more points.

    All numbers must be positive.

    Returns:
        The slopes, (...) of float64: the exponents of power laws.
    """
    horizontal = np.log(np.asarray(x, np.float64))
    horizontal -= horizontal.mean()
    return np.asarray(np.log(np.asarray(y, np.float64)) @ (horizontal / np.square(horizontal).sum()))


def deviation_slope(rows: np.ndarray, lengths: Sequence[int], *, seed: int = 0) -> Estimate:
    r"""Estimate the slope :math:`b` of :math:`\log \sigma_N = a + b \log N`, by least squares over the lengths.

    :math:`\sigma_N` is the standard deviation over inputs of a component at length :math:`N`, averaged over
    components. For independent values under equal weights it falls as :math:`N^{-1/2}`, a slope of -0.5. The interval
    is a bootstrap over inputs. There is no slope for fewer than two inputs or two lengths, or if a deviation is 0.

    Args:
        rows: attention outputs, (inputs, lengths, components); the computation is in float64.
        lengths: the lengths in tokens.
        seed: the seed of the bootstrap's draws.
    """
    inputs, points, components = rows.shape
    if inputs < 2 or points < 2:
        return UNKNOWN
    rows = rows.astype(np.float64).reshape(inputs, -1)
    rows -= rows.mean(0)  # centred, so that the difference of the two moments does not cancel
    moments = np.concatenate([rows, np.square(rows)], axis=1)

    def slopes(counts: np.ndarray) -> np.ndarray:
        first, second = np.split(counts @ moments / inputs, 2, axis=1)
        deviations = np.sqrt(np.maximum(second - np.square(first), 0)).reshape(-1, points, components)
        return log_slope(lengths, deviations.mean(-1))

    return bootstrap(slopes, inputs, seed=seed, width=moments.shape[1])
