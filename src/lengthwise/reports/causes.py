"""Why examples are answered wrongly, as shares over seeds."""

from dataclasses import dataclass
from statistics import fmean

from lengthwise.evaluation.point import Point
from lengthwise.experiments.record import Experiment
from lengthwise.tasks.metrics import Accuracy, Dispersion, Ordering, RightKey

NEEDED = {metric.name for metric in (Accuracy, Dispersion, Ordering, RightKey)}


@dataclass(frozen=True)
class Shares:
    """Of the examples at one length, means over seeds; right, dispersion and ordering make 1."""

    seeds: int
    right: float
    """Answered rightly."""
    dispersion: float
    """Answered wrongly although the heaviest key was the right one."""
    ordering: float
    """Answered wrongly, and the heaviest key was another."""
    right_key: float
    """The heaviest key was the right one, whatever was answered."""


def shares(experiment: Experiment) -> dict[str, dict[str, dict[int, Shares]]]:
    """By split, mechanism and length, shortest first; only what has been measured."""
    found: dict[str, dict[str, dict[int, Shares]]] = {}
    for split in experiment.config.base.evaluate.splits:
        for mechanism in experiment.config.mechanisms:
            known: dict[int, list[Point]] = {}
            for point in (p for run in experiment.finalists(mechanism) for p in run.points if p.split == split):
                if point.values.keys() >= NEEDED:
                    known.setdefault(point.length, []).append(point)
            if known:
                found.setdefault(split, {})[mechanism] = {length: _over(known[length]) for length in sorted(known)}
    return found


def _over(seeds: list[Point]) -> Shares:
    right, dispersion, ordering, right_key = (
        fmean(point.values[metric.name].value for point in seeds)
        for metric in (Accuracy, Dispersion, Ordering, RightKey)
    )
    return Shares(len(seeds), right, dispersion, ordering, right_key)
