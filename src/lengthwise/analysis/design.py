"""What an experiment is asked to find out: known from its configuration, before anything is trained."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from lengthwise.statistics.paired import pairs_needed
from lengthwise.tasks import Metric, Task
from lengthwise.tasks.metrics import Cause, ExactMatch

if TYPE_CHECKING:
    from lengthwise.experiments.config import ComparisonConfig


@dataclass(frozen=True)
class MetricFacts:
    """A metric as plain data; shares are numbers from 0 to 1."""

    name: str
    """As files call the metric: exact_match."""
    label: str
    """As reports call the metric: exact match."""
    unit: str
    """``%`` of a share from 0 to 1; otherwise the unit of the numbers, such as nats; empty where they have none."""
    better: Literal["higher", "lower"]
    """Which numbers are better."""
    measure: str
    """What the numbers count, as in *% of examples*."""
    axis: str
    """The title of an axis of these numbers."""
    interval: str
    """What the interval of a number is, in words."""
    meaning: str
    """What the metric is, in a sentence."""
    role: Literal["metric", "cause", "loss"]
    """``cause`` of a share that tells causes of errors apart; ``loss`` of a loss that is measured only because training
    minimises it; ``metric`` of every other metric."""
    counts_right: bool
    """True if the metric is the share of examples whose whole answer is right."""

    def ahead(self, mine: float, theirs: float) -> float:
        """Give by how much one number is better than another, in the unit; below 0 where the number is worse."""
        return mine - theirs if self.better == "higher" else theirs - mine


@dataclass(frozen=True)
class Design:
    """The task, the contestants, and where they are trained and evaluated."""

    task: str
    """By name, with its options in brackets."""
    unit: str
    """What lengths count, in the plural: tokens or items."""
    example: str
    """What has a length, in the singular: sequence or set."""
    mechanisms: tuple[str, ...]
    """The contestants. The first is held against each other one."""
    learning_rates: tuple[float, ...]
    """Peak learning rates that are tried for every mechanism with the first seed, the lowest first."""
    seeds: int
    """How many seeds each mechanism is trained with."""
    first_seed: int
    """The seeds are counted from this one."""
    splits: tuple[str, ...]
    """The distributions that the models are evaluated on."""
    lengths: tuple[int, ...]
    """The evaluated lengths, the shortest first, in ``unit``."""
    training_length: int
    """The longest length that the models are trained at, in ``unit``."""
    shortest_training_length: int | None
    """The shortest, where each batch draws its length; None where all training examples have one length."""
    training_steps: int
    metrics: tuple[MetricFacts, ...]
    """Everything that is measured, the main metric first."""
    loss: MetricFacts
    """What training minimises."""

    @classmethod
    def of(cls, config: "ComparisonConfig") -> Self:
        """Say what a comparison is asked to find out."""
        base, task = config.base, config.base.build_task()
        own = {metric.name: metric for metric in task.metrics}
        return cls(
            task=base.task,
            unit=task.unit,
            example=task.example,
            mechanisms=config.mechanisms,
            learning_rates=tuple(sorted(config.learning_rates)),
            seeds=config.seeds,
            first_seed=base.seed,
            splits=base.evaluate.splits,
            lengths=tuple(sorted(set(base.evaluate.lengths))),
            training_length=base.train.length,
            shortest_training_length=base.train.shortest,
            training_steps=base.train.steps,
            metrics=tuple(_facts(own.get(name, metric), task) for name, metric in task.measures.items()),
            loss=_facts(task.loss, task),
        )

    @property
    def main(self) -> MetricFacts:
        """The metric by which models are chosen and compared."""
        return self.metrics[0]

    @property
    def primary(self) -> int:
        """The length whose test decides a claim: the longest.

        A comparison asks how far a mechanism holds, which the far end answers. The far end is known from the
        configuration before anything is trained, so nobody can choose it by the results. Who cares for another length
        ends there.
        """
        return self.lengths[-1]

    @property
    def secondary(self) -> tuple[int, ...]:
        """The other lengths beyond the training length, the shortest first."""
        return tuple(length for length in self.lengths if self.training_length < length < self.primary)

    @property
    def seeds_needed(self) -> tuple[int, int] | None:
        """The fewest seeds that can decide a claim at the primary length, and those that can at the secondary ones too.

        None where there is no claim: with one mechanism, or no length beyond the training length.
        """
        if len(self.mechanisms) == 1 or self.primary <= self.training_length:
            return None
        return pairs_needed(1), pairs_needed(max(1, len(self.secondary)))


def _facts(metric: Metric, task: Task) -> MetricFacts:
    own = {metric.name for metric in task.metrics}
    cause = isinstance(metric, Cause) and metric is not task.main
    return MetricFacts(
        name=metric.name,
        label=metric.label,
        unit=metric.unit,
        better=metric.better,
        measure=metric.measure,
        axis=metric.axis,
        interval=metric.interval,
        meaning=(type(metric).__doc__ or "").strip().partition("\n")[0],
        role="cause" if cause else "metric" if metric.name in own else "loss",
        counts_right=isinstance(metric, ExactMatch),
    )
