"""Attention statistics against the length: means over seeds, and slopes of the standard deviation."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from lengthwise.analysis.arms import Arms
from lengthwise.analysis.design import Design
from lengthwise.analysis.numbers import Interval, interval
from lengthwise.evaluation.point import Layer
from lengthwise.statistics.estimate import student_mean
from lengthwise.statistics.slopes import log_slope

Pair = tuple[int, int]
"""The seeds of a model: of its weights, and of its data."""


class Statistic(NamedTuple):
    """A statistic of one layer's attention at one length."""

    log: bool
    """True if the statistic is positive and needs a logarithmic axis."""
    drift: bool
    """True if the statistic is measured from its value at the length that :func:`home` returns."""
    of: Callable[[Layer], float]
    ordered: bool = False
    """True if the statistic needs keys in an order, which the items of a set do not have."""


STATISTICS = {
    "standard deviation of a component": Statistic(True, False, lambda at: at.spread.deviation),
    "entropy / log n": Statistic(False, False, lambda at: at.dispersion.entropy),
    "largest weight": Statistic(True, False, lambda at: at.dispersion.largest),
    "attention resolution": Statistic(True, False, lambda at: at.dispersion.resolution, ordered=True),
    "global variance": Statistic(True, False, lambda at: at.spread.global_variance),
    "drift of the global mean": Statistic(False, True, lambda at: at.spread.global_mean),
}
"""Statistics by name. No statistic has a unit: outputs and weights of attention are plain numbers."""
IN_ORDER = ("sequence", "window")
"""Kinds of examples whose keys are in order."""


@dataclass(frozen=True)
class Trace:
    """One statistic at one length, over seeds."""

    mechanism: str
    split: str
    layer: int
    """Counted from 1."""
    statistic: str
    """A name of ``STATISTICS``."""
    length: int
    """Tokens or items per example."""
    seeds: int
    mean: float
    low: float
    high: float
    """``low`` and ``high`` are the values of the lowest and the highest seed."""


@dataclass(frozen=True)
class Slope:
    """Slope of log standard deviation against log length; -0.5 for independent values under uniform weights."""

    split: str
    layer: int
    """Counted from 1."""
    mechanism: str
    seeds: int
    mean: float
    """Mean over seeds."""
    interval: Interval | None
    """Student's 95 % interval of the mean over seeds; None for one seed. Where seeds of weights and data are crossed,
    each value is the mean over the seeds of the data."""


def home(design: Design) -> int:
    """Return the length from which drifts are measured: the training length if evaluated, else the shortest length."""
    return design.training_length if design.training_length in design.lengths else design.lengths[0]


def traces(arms: Arms, design: Design) -> tuple[Trace, ...]:
    """List every statistic of every layer, in the order of splits, layers, mechanisms, statistics and lengths.

    Unknown values are left out: a deviation over a single example, or a drift from a length not evaluated yet.
    """
    found = []
    for split, layer, mechanism in _layers(arms, design):
        of = _by_length(arms, mechanism, split, layer)
        for name, statistic in STATISTICS.items():
            if statistic.ordered and design.example not in IN_ORDER:
                continue
            for length, seeds in sorted(of.items()):
                if values := _values(statistic, seeds, of.get(home(design), {})):
                    ends = min(values), max(values)
                    found.append(Trace(mechanism, split, layer, name, length, len(values), fmean(values), *ends))
    return tuple(found)


def slopes(arms: Arms, design: Design) -> tuple[Slope, ...]:
    """Compute the slope of every layer for which two or more lengths have a standard deviation."""
    found = []
    for split, layer, mechanism in _layers(arms, design):
        lines: dict[Pair, dict[int, float]] = {}
        for length, seeds in _by_length(arms, mechanism, split, layer).items():
            for seed, at in seeds.items():
                if at.spread.deviation > 0:
                    lines.setdefault(seed, {})[length] = at.spread.deviation
        by_weights: dict[int, list[float]] = {}
        for (weights, _), line in lines.items():
            if len(line) > 1:
                by_weights.setdefault(weights, []).append(float(log_slope([*line], [*line.values()])))
        if by_weights:
            mean = student_mean([fmean(of) for of in by_weights.values()])  # runs that share a seed are not independent
            found.append(Slope(split, layer, mechanism, len(by_weights), mean.value, interval(mean)))
    return tuple(found)


def _values(statistic: Statistic, seeds: dict[Pair, Layer], homes: dict[Pair, Layer]) -> list[float]:
    """Return one value for each seed that has the statistic."""
    if statistic.drift:
        values = [statistic.of(at) - statistic.of(homes[seed]) for seed, at in seeds.items() if seed in homes]
    else:
        values = [statistic.of(at) for at in seeds.values()]
    return [value for value in values if math.isfinite(value) and (value > 0 or not statistic.log)]


def _layers(arms: Arms, design: Design) -> Iterable[tuple[str, int, str]]:
    """Yield each split, layer (counted from 1) and mechanism with a measurement at some length."""
    points = {name: [p for model in arms[name] for p in model.points] for name in design.mechanisms}
    deepest = max((len(p.layers) for of in points.values() for p in of), default=0)
    for split in design.splits:
        for layer in range(1, deepest + 1):
            for name in design.mechanisms:
                if any(p.split == split and len(p.layers) >= layer for p in points[name]):
                    yield split, layer, name


def _by_length(arms: Arms, mechanism: str, split: str, layer: int) -> dict[int, dict[Pair, Layer]]:
    """Return the statistics of the layer by length, then by seed."""
    found: dict[int, dict[Pair, Layer]] = {}
    for model in arms[mechanism]:
        for point in model.points:
            if point.split == split and len(point.layers) >= layer:
                found.setdefault(point.length, {})[model.pair] = point.layers[layer - 1]
    return found


def by_statistic(found: Iterable[Trace]) -> dict[tuple[str, int, str], dict[str, dict[int, Trace]]]:
    """Group traces by split, layer and statistic, then by mechanism, then by length; their order stays."""
    places: dict[tuple[str, int, str], dict[str, dict[int, Trace]]] = {}
    for trace in found:
        rows = places.setdefault((trace.split, trace.layer, trace.statistic), {})
        rows.setdefault(trace.mechanism, {})[trace.length] = trace
    return places
