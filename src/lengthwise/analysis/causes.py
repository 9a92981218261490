"""Why examples are answered wrongly, as shares over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from lengthwise.analysis.design import Design
from lengthwise.evaluation.point import Point
from lengthwise.experiments.record import Experiment
from lengthwise.tasks.metrics import Accuracy, Dispersion, Ordering, RightKey

NEEDED = tuple(metric.name for metric in (Accuracy, Dispersion, Ordering, RightKey))


@dataclass(frozen=True)
class Shares:
    """Of the examples of one split and length, means over seeds; right, dispersion and ordering make 1."""

    split: str
    mechanism: str
    length: int
    """Items per example."""
    seeds: int
    right: float
    """Answered rightly."""
    dispersion: float
    """Answered wrongly although the heaviest key was the right one."""
    ordering: float
    """Answered wrongly, and the heaviest key was another."""
    right_key: float
    """The heaviest key was the right one, whatever was answered."""


def causes(experiment: Experiment, asked: Design) -> tuple[Shares, ...]:
    """Take the means in the order of splits, mechanisms and lengths; only of what has been measured."""
    found = []
    for split in asked.splits:
        for mechanism in asked.mechanisms:
            known: dict[int, list[Point]] = {}
            for point in (p for run in experiment.finalists(mechanism) for p in run.points if p.split == split):
                if all(name in point.values for name in NEEDED):
                    known.setdefault(point.length, []).append(point)
            found += [_shares(split, mechanism, length, known[length]) for length in sorted(known)]
    return tuple(found)


def _shares(split: str, mechanism: str, length: int, seeds: list[Point]) -> Shares:
    right, dispersion, ordering, right_key = (fmean(point.values[name].value for point in seeds) for name in NEEDED)
    return Shares(split, mechanism, length, len(seeds), right, dispersion, ordering, right_key)


def by_place(found: Sequence[Shares]) -> dict[str, dict[str, dict[int, Shares]]]:
    """Give the shares by split, then by mechanism, then by length, in their order."""
    places: dict[str, dict[str, dict[int, Shares]]] = {}
    for of in found:
        places.setdefault(of.split, {}).setdefault(of.mechanism, {})[of.length] = of
    return places
