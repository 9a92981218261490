"""One point of a length sweep: a split, a length, and the measurements of a model's answers there."""

import re
from dataclasses import dataclass
from typing import Self

import numpy as np

from lengthwise.errors import InputError
from lengthwise.evaluation.config import Decode
from lengthwise.evaluation.spread import Dispersion, Spread
from lengthwise.statistics.estimate import Estimate
from lengthwise.tasks import Metric


@dataclass(frozen=True)
class Layer:
    """Statistics of one layer's attention at the last query of every sequence, which sees the whole sequence."""

    spread: Spread
    """Spread of the attended values of all heads, concatenated, before the output part."""
    dispersion: Dispersion
    """Dispersion of the attention weights."""


@dataclass(frozen=True)
class Measured(Estimate):
    """The value of a metric (unit of the metric) with its 95 % interval over examples, and the sums behind it."""

    numerator: float
    """Sum of the numerators over all examples."""
    weight: float
    """Sum of the weights over all examples; the metric is a function of numerator / weight."""

    @classmethod
    def of(cls, metric: Metric, numerators: np.ndarray, weights: np.ndarray) -> Self:
        """Estimate a metric from the numerator and the weight of each example, both (examples,) of float64."""
        found = metric.estimate(numerators, weights)
        return cls(found.value, found.low, found.high, float(numerators.sum()), float(weights.sum()))


@dataclass(frozen=True)
class Point:
    """Measurements on the examples of one split and length."""

    split: str
    length: int
    sequences: int
    """Number of examples (sequences or sets)."""
    values: dict[str, Measured]
    """Metrics by name, the task's loss included."""
    seconds: float
    decode: Decode = "teacher-forced"
    """What the model read after each of its answers: the right answer, or its own."""
    layers: tuple[Layer, ...] = ()
    """Statistics of each layer's attention, first layer first."""
    right: str | None = None
    """Which examples are right by the main metric, encoded by :func:`packed`; None if the main metric is not a share
    of examples."""
    commonest: float | None = None
    """Share of the examples that have the commonest answers: a model that gives these to every example is right so
    often. None where answers are no symbols, or the main metric is not a share of right examples."""

    def __post_init__(self) -> None:
        digits = 2 * -(-self.sequences // 8)
        if self.right is not None and not re.fullmatch(f"[0-9a-f]{{{digits}}}", self.right):
            raise ValueError(f"right is {self.right[:40]!r} and no {digits} hexadecimal digits")

    @property
    def chance(self) -> float | None:
        """The share that one answer for every example gets right; None if it is not known, or all examples are alike.

        Of examples that are all alike, nothing is right by chance.
        """
        return None if self.commonest == 1 else self.commonest

    def value(self, metric: Metric) -> float:
        """Return the value of a metric (unit of the metric).

        Raises:
            InputError: if the point was evaluated before the task had the metric.
        """
        if metric.name not in self.values:
            raise InputError(
                f"The evaluation on {self.split} at {self.length:,} measured {', '.join(self.values)} but not "
                f"{metric.name!r}, which the task has now; start again in another folder, with --out."
            )
        return self.values[metric.name].value

    @property
    def outcomes(self) -> np.ndarray | None:
        """True where an example is right, (sequences,) of bool, in an order that is the same for every model."""
        if self.right is None:
            return None
        held = np.frombuffer(bytes.fromhex(self.right), np.uint8)
        return np.unpackbits(held, count=self.sequences).astype(bool)


def packed(right: np.ndarray) -> str:
    """Encode booleans, (sequences,), as hexadecimal digits: four sequences a digit, the first in its highest bit."""
    return np.packbits(right).tobytes().hex()
