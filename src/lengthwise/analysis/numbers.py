"""Numbers of a summary: None replaces nan and infinity, which JSON cannot write."""

import math
from dataclasses import dataclass

from lengthwise.statistics.estimate import Estimate


@dataclass(frozen=True)
class Interval:
    """A 95 % interval (unit of the estimated number)."""

    low: float
    high: float


def finite(value: float) -> float | None:
    """Return the number, or None if it is nan or infinite."""
    return float(value) if math.isfinite(value) else None


def interval(estimate: Estimate) -> Interval | None:
    """Return the interval of an estimate, or None if the estimate has no interval."""
    known = math.isfinite(estimate.low) and math.isfinite(estimate.high)
    return Interval(float(estimate.low), float(estimate.high)) if known else None
