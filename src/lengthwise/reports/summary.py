"""The numbers of a report, computed once for its figures, tables and sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from lengthwise.evaluation.point import Interval, Point
from lengthwise.experiments.record import Experiment, Run

MANY = 12
"""With more mechanisms than so many, the page has shades instead of lines, and says the same of several at once."""
Metric = Literal["exact_match", "token_accuracy"]


@dataclass(frozen=True)
class Cell:
    """A mechanism at its chosen learning rate, on one split and length; shares go from 0 to 1."""

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
    """Of several seeds the lowest and the highest; of one seed its 95 % interval over examples."""
    interval: Interval
    """The 95 % interval over examples: of several seeds the means of its two ends."""
    loss: float
    """Mean cross-entropy of the scored predictions in nats, mean over seeds."""


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

    columns: tuple[Column, ...]
    rows: dict[str, dict[str, tuple[Cell | None, ...]]]
    """By split, then by mechanism."""

    @property
    def cells(self) -> list[Cell]:
        """Those that are known."""
        return [cell for rows in self.rows.values() for row in rows.values() for cell in row if cell]


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
    """The accuracy of every mechanism on every split and length; where they are many, the best first."""
    evaluate = experiment.config.base.evaluate
    lengths = sorted(set(evaluate.lengths))
    points = {
        name: [p for run in experiment.finalists(name) for p in run.points] for name in experiment.config.mechanisms
    }
    rows = {
        split: {
            name: tuple(
                _cell(name, [p for p in of if p.split == split and p.length == length], metric) for length in lengths
            )
            for name, of in points.items()
        }
        for split in evaluate.splits
    }
    if many(experiment):
        best = sorted(points, key=lambda name: _mean([cell for of in rows.values() for cell in of[name]]), reverse=True)
        rows = {split: {name: of[name] for name in best} for split, of in rows.items()}
    return Grid(tuple(_column(evaluate.splits, [p for of in points.values() for p in of], n) for n in lengths), rows)


def _mean(cells: Sequence[Cell | None]) -> float:
    known = [cell.mean for cell in cells if cell]
    return fmean(known) if known else -1.0


def _column(splits: Sequence[str], points: Sequence[Point], length: int) -> Column:
    sizes = {split: {p.sequences for p in points if (p.split, p.length) == (split, length)} for split in splits}
    return Column(length, {split: tuple(sorted(of)) for split, of in sizes.items()})


def _cell(mechanism: str, points: list[Point], metric: Metric) -> Cell | None:
    if not points:
        return None
    first, shares = points[0], [getattr(p, metric) for p in points]
    lows, highs = zip(*(interval(p, metric) for p in points), strict=True)
    within = (fmean(lows), fmean(highs))
    low, high = (min(shares), max(shares)) if len(points) > 1 else within
    return Cell(
        mechanism=mechanism,
        split=first.split,
        length=first.length,
        seeds=len(points),
        sequences=min(p.sequences for p in points),
        mean=fmean(shares),
        low=low,
        high=high,
        interval=within,
        loss=fmean(p.loss for p in points),
    )


def interval(point: Point, metric: Metric) -> Interval:
    """The 95 % interval of one seed's accuracy."""
    return point.exact_match_interval if metric == "exact_match" else point.token_accuracy_interval


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
