"""The numbers of a report, computed once for its figures, tables and sentences."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from lengthwise.evaluation.point import Point
from lengthwise.experiments.record import Experiment, Run
from lengthwise.statistics.estimate import Estimate
from lengthwise.tasks import Loss, Metric

MANY = 12
"""With more mechanisms than so many, the page has shades instead of lines, and says the same of several at once."""

FAR = 30
"""How many times as large as the smallest number of a metric the largest is, where its scale is logarithmic."""


@dataclass(frozen=True)
class Cell:
    """A mechanism at its chosen learning rate, on one split and length, in the metric's unit; shares go to 1."""

    mechanism: str
    split: str
    length: int
    """Tokens or items per example."""
    seeds: int
    """Seeds that have been evaluated here."""
    sequences: int
    """Examples per seed."""
    mean: float
    """Over seeds."""
    low: float
    high: float
    """Of several seeds the lowest and the highest; of one seed its 95 % interval over examples, or the mean without
    one."""
    interval: Estimate
    """The mean with its 95 % interval over examples: of several seeds the means of its two ends."""
    loss: float
    """The task's loss, mean over seeds."""

    @property
    def spread(self) -> bool:
        """True if ``low`` and ``high`` say anything."""
        return self.seeds > 1 or self.interval.bounded


@dataclass(frozen=True)
class Column:
    """A length of the sweep, and how many examples a point there rests on, per seed."""

    length: int
    sequences: dict[str, tuple[int, ...]]
    """By split; several where seeds differ, none where nothing is known yet."""

    @property
    def shared(self) -> tuple[int, ...]:
        """Those of all splits, where they have the same."""
        known = {sizes for sizes in self.sequences.values() if sizes}
        return known.pop() if len(known) == 1 else ()


@dataclass(frozen=True)
class Grid:
    """Cells in rows of mechanisms, grouped by split, and columns of lengths; None where nothing is known yet."""

    metric: Metric
    columns: tuple[Column, ...]
    rows: dict[str, dict[str, tuple[Cell | None, ...]]]
    """By split, then by mechanism."""

    @property
    def cells(self) -> list[Cell]:
        """Those that are known."""
        return [cell for rows in self.rows.values() for row in rows.values() for cell in row if cell]

    @property
    def far_apart(self) -> bool:
        """True if the numbers are positive and so far apart that their logarithms show more."""
        ends = [end for cell in self.cells for end in (cell.low, cell.high)]
        return bool(ends) and 0 < FAR * min(ends) < max(ends)

    def merit(self, cell: Cell) -> float:
        """How good a cell is, from 0 to 1: its share, or else where it stands from the worst to the best cell."""
        if self.metric.unit == "%":
            return cell.mean if self.metric.better == "higher" else 1 - cell.mean
        place = math.log if self.far_apart else float
        means = [of.mean for of in self.cells]
        worst, best = map(place, sorted((min(means), max(means)), key=lambda mean: self.metric.ahead(mean, 0)))
        return (place(cell.mean) - worst) / (best - worst) if best != worst else 1.0


@dataclass(frozen=True)
class Training:
    """How the training of one mechanism went."""

    mechanism: str
    parameters: int | None
    learning_rate: float | None
    """The chosen one."""
    trials: dict[float, Run | None]
    """The run with the first seed, by learning rate."""
    seconds: float | None
    tokens_per_second: float | None
    """Means over the seeds trained with the chosen learning rate."""
    finished: int
    failed: int
    """Seeds at the chosen learning rate; without one, runs at any."""


def many(experiment: Experiment) -> bool:
    """Whether there are more mechanisms than lines can be told apart, or sentences read."""
    return len(experiment.config.mechanisms) > MANY


def grid(experiment: Experiment, metric: Metric) -> Grid:
    """A metric of every mechanism on every split and length; where they are many, the best first."""
    evaluate = experiment.config.base.evaluate
    lengths = sorted(set(evaluate.lengths))
    points = {
        name: [p for run in experiment.finalists(name) for p in run.points] for name in experiment.config.mechanisms
    }
    rows = {
        split: {
            name: tuple(
                _cell(name, [p for p in of if (p.split, p.length) == (split, length)], metric, experiment.task.loss)
                for length in lengths
            )
            for name, of in points.items()
        }
        for split in evaluate.splits
    }
    if many(experiment):
        best = sorted(
            points, key=lambda name: _merit(metric, [cell for of in rows.values() for cell in of[name]]), reverse=True
        )
        rows = {split: {name: of[name] for name in best} for split, of in rows.items()}
    columns = tuple(_column(evaluate.splits, [p for of in points.values() for p in of], n) for n in lengths)
    return Grid(metric, columns, rows)


def _merit(metric: Metric, cells: Sequence[Cell | None]) -> float:
    known = [cell.mean for cell in cells if cell]
    return metric.ahead(fmean(known), 0) if known else -math.inf


def _column(splits: Sequence[str], points: Sequence[Point], length: int) -> Column:
    sizes = {split: {p.sequences for p in points if (p.split, p.length) == (split, length)} for split in splits}
    return Column(length, {split: tuple(sorted(of)) for split, of in sizes.items()})


def _cell(mechanism: str, points: list[Point], metric: Metric, loss: Loss) -> Cell | None:
    points = [p for p in points if known(p, metric)]
    if not points:
        return None
    first, found = points[0], [p.values[metric.name] for p in points]
    within = Estimate(*(fmean(getattr(of, end) for of in found) for end in ("value", "low", "high")))
    mean, values = within.value, [of.value for of in found]
    low, high = (within.low, within.high) if within.bounded else (mean, mean)
    low, high = (min(values), max(values)) if len(points) > 1 else (low, high)
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
        loss=fmean(p.values[loss.name].value if loss.name in p.values else math.nan for p in points),
    )


def known(point: Point, metric: Metric) -> bool:
    """Whether a metric was measured at a point and has a number there."""
    return metric.name in point.values and point.values[metric.name].known


def training(experiment: Experiment) -> list[Training]:
    """How training went, mechanism by mechanism."""
    return [_training(experiment, name) for name in experiment.config.mechanisms]


def _training(experiment: Experiment, mechanism: str) -> Training:
    own = [run for run in experiment.runs if run.mechanism == mechanism]
    finalists = experiment.finalists(mechanism)
    trained = [run.trained for run in finalists if run.trained]
    trials = {run.learning_rate: run for run in experiment.trials(mechanism)}
    return Training(
        mechanism=mechanism,
        parameters=next((run.trained.parameters for run in own if run.trained), None),
        learning_rate=experiment.chosen.get(mechanism),
        trials={rate: trials.get(rate) for rate in sorted(experiment.config.learning_rates)},
        seconds=fmean(known.seconds for known in trained) if trained else None,
        tokens_per_second=fmean(known.tokens_per_second for known in trained) if trained else None,
        finished=sum(run.failure is None and bool(run.points) for run in finalists),
        failed=sum(run.failure is not None for run in finalists or own),
    )
