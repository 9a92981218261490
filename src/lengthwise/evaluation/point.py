"""One point of a length sweep: a split, a length, and what was measured of a model's answers there."""

import re
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from pydantic import model_validator

from lengthwise.errors import InputError
from lengthwise.evaluation.former import as_now
from lengthwise.evaluation.spread import Dispersion, Spread
from lengthwise.statistics.estimate import Estimate
from lengthwise.tasks import Metric


@dataclass(frozen=True)
class Layer:
    """Attention of one layer, at the last query of every sequence, which sees all of it."""

    spread: Spread
    """Of the attended values, all heads side by side, before anything is done to them."""
    dispersion: Dispersion
    """Of the weights."""


@dataclass(frozen=True)
class Measured(Estimate):
    """A metric's number in the metric's unit with its 95 % interval over examples, and the sums it is made of."""

    numerator: float
    """Over all examples."""
    weight: float
    """Over all examples; the metric is a function of numerator / weight."""

    @classmethod
    def of(cls, metric: Metric, numerators: np.ndarray, weights: np.ndarray) -> Self:
        """Make it of what a metric gave for each example, (examples,) of float64 each."""
        found = metric.estimate(numerators, weights)
        return cls(found.value, found.low, found.high, float(numerators.sum()), float(weights.sum()))


@dataclass(frozen=True)
class Point:
    """What was measured on some examples of one length."""

    split: str
    length: int
    sequences: int
    """Examples: sequences or sets."""
    values: dict[str, Measured]
    """By the name of the metric; the task's loss is among them."""
    seconds: float
    layers: tuple[Layer, ...] = ()
    """First layer first."""
    right: str | None = None
    """Which examples are right by the main metric, by :func:`packed`; None where that is no share of examples, and in
    folders from before it was kept."""

    def __post_init__(self) -> None:
        digits = 2 * -(-self.sequences // 8)
        if self.right is not None and not re.fullmatch(f"[0-9a-f]{{{digits}}}", self.right):
            raise ValueError(f"right is {self.right[:40]!r} and no {digits} hexadecimal digits")

    @model_validator(mode="before")
    @classmethod
    def _as_now(cls, tree: Any) -> Any:
        return as_now(tree)

    def value(self, metric: Metric) -> float:
        """The number of a metric.

        Raises:
            InputError: if the point was evaluated before the task had that metric.
        """
        if metric.name not in self.values:
            raise InputError(
                f"What was measured on {self.split} at {self.length:,} is {', '.join(self.values)} and not "
                f"{metric.name!r}, which the task has now; begin anew in another folder, with --out."
            )
        return self.values[metric.name].value

    @property
    def outcomes(self) -> np.ndarray | None:
        """Whether each example is right, (sequences,) of bool, in the order that they have for every model."""
        if self.right is None:
            return None
        held = np.frombuffer(bytes.fromhex(self.right), np.uint8)
        return np.unpackbits(held, count=self.sequences).astype(bool)


def packed(right: np.ndarray) -> str:
    """Booleans, (sequences,), as hexadecimal digits: four sequences a digit, the first in its highest bit."""
    return np.packbits(right).tobytes().hex()
