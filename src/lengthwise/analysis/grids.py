"""A metric over mechanisms, splits and lengths: single values, and means over seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from lengthwise.analysis.arms import Arms
from lengthwise.analysis.design import Design, MetricFacts
from lengthwise.analysis.numbers import Interval, finite
from lengthwise.evaluation.point import Point

MANY = 12
"""With more mechanisms than this number, grids list the best mechanism first, and the page draws a heat map instead of
lines and groups mechanisms in one sentence."""
FAR = 30
"""The scale of a metric is logarithmic if its largest number is more than this many times its smallest number."""


@dataclass(frozen=True)
class Value:
    """A metric of one trained model on one split at one length: a row of the tidy table."""

    mechanism: str
    seed: int
    data_seed: int
    """Seed of the training data, which equals ``seed`` unless seeds of weights and data are crossed."""
    learning_rate: float | None
    """Peak learning rate that was chosen for the mechanism; None if the model was trained elsewhere."""
    split: str
    length: int
    """Tokens or items per example."""
    metric: str
    """Name of the metric."""
    value: float | None
    """Value in the metric's unit, shares from 0 to 1; None if there is no finite number."""
    low: float | None
    high: float | None
    """``low`` and ``high`` are the ends of the 95 % interval over examples; None if there is no interval."""
    examples: int
    """Number of examples behind the value."""


@dataclass(frozen=True)
class Cell:
    """A mechanism at its chosen learning rate, on one split and length, in the metric's unit; shares from 0 to 1."""

    mechanism: str
    split: str
    length: int
    """Tokens or items per example."""
    seeds: int
    """Number of seeds evaluated at this split and length."""
    sequences: int
    """Number of examples per seed; the smallest number if seeds differ."""
    mean: float
    """Mean over seeds."""
    low: float
    high: float
    """Several seeds: ``low`` and ``high`` are the lowest and the highest seed. One seed: the ends of the 95 % interval
    over examples, or the mean if there is no interval."""
    interval: Interval | None
    """The 95 % interval over examples; for several seeds, the mean of each end over seeds."""
    loss: float | None
    """The task's loss, mean over seeds; None if a seed has no finite loss."""

    @property
    def spread(self) -> bool:
        """True if ``low`` and ``high`` have a meaning: the cell has several seeds or an interval."""
        return self.seeds > 1 or self.interval is not None


@dataclass(frozen=True)
class Column:
    """A length of the sweep, and the number of examples per seed at that length."""

    length: int
    sequences: dict[str, tuple[int, ...]]
    """Numbers of examples by split: several if seeds differ, none if nothing has been evaluated yet."""

    @property
    def shared(self) -> tuple[int, ...]:
        """Numbers of examples that all evaluated splits share; empty if the splits differ."""
        known = {sizes for sizes in self.sequences.values() if sizes}
        return known.pop() if len(known) == 1 else ()


@dataclass(frozen=True)
class Grid:
    """Cells in rows of mechanisms, grouped by split, and columns of lengths; None if a cell is not evaluated yet."""

    metric: MetricFacts
    columns: tuple[Column, ...]
    rows: dict[str, dict[str, tuple[Cell | None, ...]]]
    """Rows by split, then by mechanism; with more than ``MANY`` mechanisms, the row with the best mean is first."""

    @property
    def cells(self) -> list[Cell]:
        """All evaluated cells."""
        return [cell for rows in self.rows.values() for row in rows.values() for cell in row if cell]

    @property
    def far_apart(self) -> bool:
        """True if the numbers are positive and so far apart that a logarithmic scale shows more."""
        ends = [end for cell in self.cells for end in (cell.low, cell.high)]
        return bool(ends) and 0 < FAR * min(ends) < max(ends)

    def merit(self, cell: Cell) -> float:
        """Return how good a cell is, from 0 to 1: its share, or its place between the worst and the best cell."""
        if self.metric.unit == "%":
            return cell.mean if self.metric.better == "higher" else 1 - cell.mean
        place = math.log if self.far_apart else float
        means = [of.mean for of in self.cells]
        worst, best = map(place, sorted((min(means), max(means)), key=lambda mean: self.metric.ahead(mean, 0)))
        return (place(cell.mean) - worst) / (best - worst) if best != worst else 1.0


def values(arms: Arms, design: Design) -> tuple[Value, ...]:
    """List every value of every metric of every model."""
    return tuple(
        Value(
            mechanism=name,
            seed=model.seed,
            data_seed=model.pair[1],
            learning_rate=model.learning_rate,
            split=point.split,
            length=point.length,
            metric=metric.name,
            value=finite(measured.value),
            low=finite(measured.low),
            high=finite(measured.high),
            examples=point.sequences,
        )
        for name in design.mechanisms
        for model in arms[name]
        for point in model.points
        for metric in design.metrics
        if (measured := point.values.get(metric.name))
    )


def grid(arms: Arms, design: Design, metric: MetricFacts) -> Grid:
    """Put a metric of every mechanism on every split and length into a grid."""
    points = {name: [p for model in arms[name] for p in model.points] for name in design.mechanisms}
    rows = {
        split: {
            name: tuple(
                _cell(name, [p for p in of if (p.split, p.length) == (split, length)], metric, design.loss)
                for length in design.lengths
            )
            for name, of in points.items()
        }
        for split in design.splits
    }
    if len(design.mechanisms) > MANY:
        best = sorted(
            points, key=lambda name: _merit(metric, [cell for of in rows.values() for cell in of[name]]), reverse=True
        )
        rows = {split: {name: of[name] for name in best} for split, of in rows.items()}
    columns = tuple(_column(design.splits, [p for of in points.values() for p in of], n) for n in design.lengths)
    return Grid(metric, columns, rows)


def known(point: Point, metric: MetricFacts) -> bool:
    """Return True if a metric was measured at a point and has a number there."""
    return metric.name in point.values and point.values[metric.name].known


def _merit(metric: MetricFacts, cells: Sequence[Cell | None]) -> float:
    means = [cell.mean for cell in cells if cell]
    return metric.ahead(fmean(means), 0) if means else -math.inf


def _column(splits: Sequence[str], points: Sequence[Point], length: int) -> Column:
    sizes = {split: {p.sequences for p in points if (p.split, p.length) == (split, length)} for split in splits}
    return Column(length, {split: tuple(sorted(of)) for split, of in sizes.items()})


def _cell(mechanism: str, points: list[Point], metric: MetricFacts, loss: MetricFacts) -> Cell | None:
    points = [p for p in points if known(p, metric)]
    if not points:
        return None
    first, found = points[0], [p.values[metric.name] for p in points]
    numbers = [of.value for of in found]
    mean, ends = fmean(numbers), [finite(fmean(getattr(of, end) for of in found)) for end in ("low", "high")]
    within = None if ends[0] is None or ends[1] is None else Interval(ends[0], ends[1])
    low, high = (within.low, within.high) if within else (mean, mean)
    low, high = (min(numbers), max(numbers)) if len(points) > 1 else (low, high)
    return Cell(
        mechanism=mechanism,
        split=first.split,
        length=first.length,
        seeds=len(points),
        sequences=min(p.sequences for p in points),
        mean=mean,
        low=low,
        high=high,
        interval=within,
        loss=finite(fmean(p.values[loss.name].value if loss.name in p.values else math.nan for p in points)),
    )
