"""Causes of wrong answers, as shares of examples averaged over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from lengthwise.analysis.arms import Arms
from lengthwise.analysis.design import Design
from lengthwise.evaluation.point import Point
from lengthwise.tasks.metrics import Accuracy, Dispersion, Ordering, RightKey

NEEDED = tuple(metric.name for metric in (Accuracy, Dispersion, Ordering, RightKey))


@dataclass(frozen=True)
class Shares:
    """Shares of the examples of one split and length, means over seeds; right + dispersion + ordering = 1."""

    split: str
    mechanism: str
    length: int
    """Items per example."""
    seeds: int
    right: float
    """Share of right answers."""
    dispersion: float
    """Share of wrong answers although the right key had the largest weight."""
    ordering: float
    """Share of wrong answers where another key had the largest weight."""
    right_key: float
    """Share of examples in which the right key had the largest weight, with right and wrong answers."""


def causes(arms: Arms, design: Design) -> tuple[Shares, ...]:
    """Compute the shares of every measured point, in the order of splits, mechanisms and lengths."""
    found = []
    for split in design.splits:
        for mechanism in design.mechanisms:
            known: dict[int, list[Point]] = {}
            for point in (p for model in arms[mechanism] for p in model.points if p.split == split):
                if all(name in point.values for name in NEEDED):
                    known.setdefault(point.length, []).append(point)
            found += [_shares(split, mechanism, length, known[length]) for length in sorted(known)]
    return tuple(found)


def _shares(split: str, mechanism: str, length: int, seeds: list[Point]) -> Shares:
    right, dispersion, ordering, right_key = (fmean(point.values[name].value for point in seeds) for name in NEEDED)
    return Shares(split, mechanism, length, len(seeds), right, dispersion, ordering, right_key)


def by_place(found: Sequence[Shares]) -> dict[str, dict[str, dict[int, Shares]]]:
    """Group shares by split, then by mechanism, then by length; their order stays."""
    places: dict[str, dict[str, dict[int, Shares]]] = {}
    for of in found:
        places.setdefault(of.split, {}).setdefault(of.mechanism, {})[of.length] = of
    return places
