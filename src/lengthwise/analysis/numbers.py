"""Numbers as a summary holds them: JSON has no word for nan or infinity, so what is no finite number is None."""

import math
from dataclasses import dataclass

from lengthwise.statistics.estimate import Estimate


@dataclass(frozen=True)
class Interval:
    """A 95 % interval, in the unit of the number that it belongs to."""

    low: float
    high: float


def finite(value: float) -> float | None:
    """Give the number, or None where it is nan or infinite."""
    return float(value) if math.isfinite(value) else None


def interval(estimate: Estimate) -> Interval | None:
    """Give the interval of an estimate, or None where it has none."""
    known = math.isfinite(estimate.low) and math.isfinite(estimate.high)
    return Interval(float(estimate.low), float(estimate.high)) if known else None
