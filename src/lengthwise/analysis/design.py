"""The design of an experiment, known from the configuration before anything is trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from lengthwise.analysis.axes import Axis, axes
from lengthwise.statistics.paired import pairs_needed
from lengthwise.tasks import Metric, Task
from lengthwise.tasks.metrics import Cause, Ending, ExactMatch

if TYPE_CHECKING:
    from lengthwise.evaluation.config import EvaluateConfig
    from lengthwise.experiments.config import ComparisonConfig


@dataclass(frozen=True)
class MetricFacts:
    """A metric as plain data; shares are numbers from 0 to 1."""

    name: str
    """Name of the metric in files, for example exact_match."""
    label: str
    """Name of the metric in reports, for example exact match."""
    unit: str
    """``%`` for a share from 0 to 1; otherwise the unit of the numbers, for example nats; empty if there is no unit."""
    better: Literal["higher", "lower"]
    """Direction in which a number is better."""
    measure: str
    """Quantity that the numbers count, for example *% of examples*."""
    axis: str
    """Title of an axis of these numbers."""
    interval: str
    """Kind of the interval of a number, in words."""
    meaning: str
    """Definition of the metric in one sentence."""
    role: Literal["metric", "cause", "ending", "loss"]
    """``cause`` = a share of one cause of errors; ``ending`` = a share of one way in which answers go wrong; ``loss`` =
    the training loss, measured although it is not a metric of the task; ``metric`` = every other metric."""
    counts_right: bool
    """True if the metric is the share of examples whose whole answer is right."""

    def ahead(self, mine: float, theirs: float) -> float:
        """Return how much better the first number is than the second (unit of the metric); below 0 if it is worse."""
        return mine - theirs if self.better == "higher" else theirs - mine


@dataclass(frozen=True)
class Design:
    """The task, the mechanisms, and the lengths of training and evaluation."""

    task: str
    """Name of the task, with its options in brackets."""
    unit: str
    """Unit of a length in the plural: tokens, symbols, digits, items."""
    example: str
    """Kind of an example, in the singular: sequence or set."""
    in_crasp: bool | None
    """True if the task is a regular language in C-RASP, which predicts generalisation; None for other tasks."""
    mechanisms: tuple[str, ...]
    """The compared mechanisms, the first of which is tested against each of the others; or other people's models."""
    learning_rates: tuple[float, ...]
    """Peak learning rates tried with the first seed, lowest first: those of the sweep, and the bracket around them."""
    seeds: int
    """How many models of each mechanism are trained, one for each seed or for each pair of crossed seeds."""
    crossed: tuple[int, int] | None
    """Numbers of seeds of the weights and of the training data that are crossed; None if they are the same seeds."""
    first_seed: int
    """First training seed; the other seeds follow it."""
    splits: tuple[str, ...]
    """Distributions on which the models are evaluated."""
    axes: tuple[Axis, ...]
    """Splits that differ in one number alone, an option of the task."""
    lengths: tuple[int, ...]
    """Evaluated lengths, shortest first (``unit``)."""
    training_length: int
    """Longest training length (``unit``)."""
    shortest_training_length: int | None
    """Shortest training length (``unit``) if each batch draws its length; None if all training lengths are equal."""
    level: float
    """Share of the main metric at the training length above which a length still counts as effective."""
    training_steps: int | None
    """Optimiser steps; None if the models were trained elsewhere."""
    start: str | None
    """Folder of the trained run from whose weights every training starts; None for training from scratch."""
    metrics: tuple[MetricFacts, ...]
    """All measured metrics, the main metric first."""
    loss: MetricFacts
    """The loss that training minimises."""

    @classmethod
    def of(cls, config: "ComparisonConfig") -> Self:
        """Build the design of a comparison from its configuration."""
        base, task = config.base, config.base.build_task()
        own = {metric.name: metric for metric in task.metrics}
        return cls(
            task=base.task,
            unit=task.unit,
            example=task.example,
            in_crasp=task.in_crasp,
            mechanisms=config.mechanisms,
            learning_rates=config.rates,
            seeds=config.runs,
            crossed=(config.seeds, config.data_seeds) if config.data_seeds > 1 else None,
            first_seed=base.seed,
            splits=base.evaluate.splits,
            axes=axes(task, base.evaluate.splits),
            lengths=tuple(sorted(set(base.evaluate.lengths))),
            training_length=base.train.length,
            shortest_training_length=base.train.shortest,
            level=base.evaluate.level,
            training_steps=base.train.steps,
            start=base.start,
            metrics=tuple(_facts(own.get(name, metric), task) for name, metric in task.measures.items()),
            loss=_facts(task.loss, task),
        )

    @classmethod
    def of_models(
        cls,
        name: str,
        task: Task,
        models: tuple[str, ...],
        evaluate: "EvaluateConfig",
        trained_at: int,
        measures: Mapping[str, Metric],
    ) -> Self:
        """Build the design of an evaluation of models that were trained elsewhere."""
        return cls(
            task=name,
            unit=task.unit,
            example=task.example,
            in_crasp=task.in_crasp,
            mechanisms=models,
            learning_rates=(),
            seeds=1,
            crossed=None,
            first_seed=0,
            splits=evaluate.splits,
            axes=axes(task, evaluate.splits, elsewhere=True),
            lengths=tuple(sorted(set(evaluate.lengths))),
            training_length=trained_at,
            shortest_training_length=None,
            level=evaluate.level,
            training_steps=None,
            start=None,
            metrics=tuple(_facts(metric, task) for metric in measures.values()),
            loss=_facts(task.loss, task),
        )

    @property
    def main(self) -> MetricFacts:
        """The metric by which models are chosen and compared."""
        return self.metrics[0]

    @property
    def trained_lengths(self) -> tuple[int, ...]:
        """The evaluated lengths that occur in training."""
        shortest = self.shortest_training_length or self.training_length
        return tuple(length for length in self.lengths if shortest <= length <= self.training_length)

    @property
    def pairs(self) -> int:
        """Number of pairs of a claim: one for each seed, or for each seed of the weights where seeds are crossed."""
        return self.crossed[0] if self.crossed else self.seeds

    @property
    def primary(self) -> int:
        """The length whose test decides a claim: the longest evaluated length.

        A comparison asks how far a mechanism generalises, and the longest length answers this question. The longest
        length is known from the configuration before anything is trained, so nobody can choose it by the results. To
        decide claims at another length, make it the longest evaluated length.
        """
        return self.lengths[-1]

    @property
    def secondary(self) -> tuple[int, ...]:
        """All lengths between the training length and the primary length, shortest first."""
        return tuple(length for length in self.lengths if self.training_length < length < self.primary)

    @property
    def seeds_needed(self) -> tuple[int, int] | None:
        """The smallest numbers of seeds that can decide at the primary length, and at the secondary lengths too.

        None if there is no claim: with one mechanism, or without a length beyond the training length.
        """
        if len(self.mechanisms) == 1 or self.primary <= self.training_length:
            return None
        return pairs_needed(1), pairs_needed(max(1, len(self.secondary)))


def _facts(metric: Metric, task: Task) -> MetricFacts:
    own = {metric.name for metric in task.metrics}
    role: Literal["metric", "cause", "ending", "loss"] = "metric" if metric.name in own else "loss"
    if metric is not task.main and isinstance(metric, Cause | Ending):
        role = "cause" if isinstance(metric, Cause) else "ending"
    return MetricFacts(
        name=metric.name,
        label=metric.label,
        unit=metric.unit,
        better=metric.better,
        measure=metric.measure,
        axis=metric.axis,
        interval=metric.interval,
        meaning=(type(metric).__doc__ or "").strip().partition("\n")[0],
        role=role,
        counts_right=isinstance(metric, ExactMatch),
    )
