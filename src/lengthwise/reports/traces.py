"""How attention's statistics run over the lengths, layer by layer, and how fast its outputs stop to vary."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from lengthwise.evaluation.point import Layer
from lengthwise.experiments.record import Experiment
from lengthwise.statistics.estimate import Estimate, student_mean
from lengthwise.statistics.slopes import log_slope


class Statistic(NamedTuple):
    """A statistic of one layer's attention at one length."""

    name: str
    log: bool
    """Whether it is positive and best seen on a logarithmic axis."""
    drift: bool
    """Whether it is counted from its value at the length that :func:`home` gives."""
    of: Callable[[Layer], float]


STATISTICS = (
    Statistic("standard deviation of a component", True, False, lambda at: at.spread.deviation),
    Statistic("entropy / log n", False, False, lambda at: at.dispersion.entropy),
    Statistic("largest weight", True, False, lambda at: at.dispersion.largest),
    Statistic("global variance", True, False, lambda at: at.spread.global_variance),
    Statistic("drift of the global mean", False, True, lambda at: at.spread.global_mean),
)


@dataclass(frozen=True)
class Trace:
    """One statistic at one length, over seeds."""

    mechanism: str
    split: str
    layer: int
    """Counted from 1."""
    statistic: Statistic
    length: int
    seeds: int
    mean: float
    low: float
    high: float
    """The lowest and the highest seed."""


class Slope(NamedTuple):
    """Slope of log standard deviation against log length; -0.5 for independent values under uniform weights."""

    seeds: int
    mean: Estimate
    """Over seeds, with its Student interval, which one seed has none of."""


def home(experiment: Experiment) -> int:
    """The length that drifts are counted from: that of training, or the shortest evaluated if it is not among them."""
    base = experiment.config.base
    return base.train.length if base.train.length in base.evaluate.lengths else min(base.evaluate.lengths)


def traces(experiment: Experiment) -> list[Trace]:
    """Every statistic of every layer, in the order of splits, layers, statistics, mechanisms and lengths.

    Values that are not known are left out: a deviation over a single example, a drift from a length not there yet.
    """
    found = []
    for split, layer, mechanism in _layers(experiment):
        of = _by_length(experiment, mechanism, split, layer)
        for statistic in STATISTICS:
            for length, seeds in sorted(of.items()):
                if values := _values(statistic, seeds, of.get(home(experiment), {})):
                    ends = min(values), max(values)
                    found.append(Trace(mechanism, split, layer, statistic, length, len(values), fmean(values), *ends))
    return found


def _values(statistic: Statistic, seeds: dict[int, Layer], homes: dict[int, Layer]) -> list[float]:
    """One value per seed that has it."""
    if statistic.drift:
        values = [statistic.of(at) - statistic.of(homes[seed]) for seed, at in seeds.items() if seed in homes]
    else:
        values = [statistic.of(at) for at in seeds.values()]
    return [value for value in values if math.isfinite(value) and (value > 0 or not statistic.log)]


def by_statistic(traces: Iterable[Trace]) -> dict[tuple[str, int, str], dict[str, dict[int, Trace]]]:
    """Traces by split, layer and statistic, then by mechanism, then by length, in their order."""
    found: dict[tuple[str, int, str], dict[str, dict[int, Trace]]] = {}
    for trace in traces:
        rows = found.setdefault((trace.split, trace.layer, trace.statistic.name), {})
        rows.setdefault(trace.mechanism, {})[trace.length] = trace
    return found


def slopes(experiment: Experiment) -> dict[tuple[str, int, str], Slope]:
    """By split, layer and mechanism, wherever two lengths or more have a standard deviation."""
    found = {}
    for split, layer, mechanism in _layers(experiment):
        lines: dict[int, dict[int, float]] = {}
        for length, seeds in _by_length(experiment, mechanism, split, layer).items():
            for seed, at in seeds.items():
                if at.spread.deviation > 0:
                    lines.setdefault(seed, {})[length] = at.spread.deviation
        if values := [float(log_slope([*line], [*line.values()])) for line in lines.values() if len(line) > 1]:
            found[split, layer, mechanism] = Slope(len(values), student_mean(values))
    return found


def _layers(experiment: Experiment) -> Iterable[tuple[str, int, str]]:
    """Split, layer from 1, mechanism: all that has been measured somewhere."""
    names = experiment.config.mechanisms
    points = {name: [p for run in experiment.finalists(name) for p in run.points] for name in names}
    deepest = max((len(p.layers) for of in points.values() for p in of), default=0)
    for split in experiment.config.base.evaluate.splits:
        for layer in range(1, deepest + 1):
            for name in names:
                if any(p.split == split and len(p.layers) >= layer for p in points[name]):
                    yield split, layer, name


def _by_length(experiment: Experiment, mechanism: str, split: str, layer: int) -> dict[int, dict[int, Layer]]:
    """The layer by length and seed."""
    found: dict[int, dict[int, Layer]] = {}
    for run in experiment.finalists(mechanism):
        for point in run.points:
            if point.split == split and len(point.layers) >= layer:
                found.setdefault(point.length, {})[run.config.seed] = point.layers[layer - 1]
    return found
