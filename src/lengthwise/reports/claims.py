"""The claims that a comparison tests: the mechanism named first against each of the others, split by split."""

import math
from dataclasses import dataclass
from typing import Literal

from lengthwise.evaluation.point import Point
from lengthwise.experiments.config import ComparisonConfig
from lengthwise.experiments.record import Experiment, Run
from lengthwise.reports.summary import known
from lengthwise.statistics.mcnemar import Discordance, discordance
from lengthwise.statistics.paired import Difference, paired_differences, pairs_needed
from lengthwise.tasks import Metric

Ruling = Literal["holds", "fails", "undecided"]
RULE = (
    "The claim holds if the first mechanism is better at the primary length, the longest, and fails if it is worse "
    "there. Better and worse: the 95 % interval of the mean difference over seeds (Student) excludes 0, and the exact "
    "sign-flip test has a p-value below 0.05. It is uncorrected at the primary length: of mechanisms that differ in "
    "nothing, about one claim in twenty is still decided. The other lengths beyond the training length are secondary: "
    "their p-values are corrected after Holm over them. The training length is in no correction and no claim."
)
"""How claims are decided, for readers."""


@dataclass(frozen=True)
class Claim:
    """That the mechanism named first is better than another on longer examples than it was trained on."""

    metric: Metric
    """By which it is: the task's main one."""
    mine: str
    theirs: str
    split: str
    training: int
    """The training length."""
    primary: int
    """The length that decides, see :func:`primary_length`."""
    differences: tuple[Difference, ...]
    """Of the metric, in its unit, above 0 where mine is better; at every length with a pair, shortest first."""
    missing: tuple[int, ...]
    """Seeds without a pair at one of those lengths at least."""
    trained: tuple[Discordance, ...]
    """Each pair of trained models at the primary length, sequence by sequence, where the folder knows; by seed."""

    @property
    def beyond(self) -> tuple[Difference, ...]:
        """The differences beyond the training length, which the claim is about."""
        return tuple(d for d in self.differences if d.length > self.training)

    @property
    def secondary(self) -> tuple[Difference, ...]:
        """Those that do not decide."""
        return tuple(d for d in self.beyond if d.length != self.primary)

    @property
    def decisive(self) -> Difference | None:
        """The difference at the primary length; None without a pair there."""
        return next((d for d in self.differences if d.length == self.primary), None)

    @property
    def ruling(self) -> Ruling:
        """What the primary length says of the claim, by :data:`RULE`."""
        rulings: dict[str, Ruling] = {"better": "holds", "worse": "fails"}
        return rulings.get(self.decisive.outcome, "undecided") if self.decisive else "undecided"

    @property
    def pairs(self) -> tuple[int, int]:
        """The fewest and the most pairs at a length beyond the training length; only if there is one."""
        numbers = [d.pairs for d in self.beyond]
        return min(numbers), max(numbers)

    @property
    def decidable(self) -> bool:
        """Whether there are pairs enough at the primary length for the test to be able to decide."""
        return self.decisive is not None and self.decisive.pairs >= pairs_needed(1)


def primary_length(config: ComparisonConfig) -> int:
    """The length whose test decides: the longest.

    A comparison asks how far a mechanism holds, which the far end answers; and the end is known from the configuration
    before anything is trained, so that nobody can choose it by the results. Who cares for another length ends there.
    """
    return max(config.base.evaluate.lengths)


def claims(experiment: Experiment) -> list[Claim]:
    """One claim per other mechanism and split that has any pair beyond the training length."""
    mine, *others = experiment.config.mechanisms
    splits = experiment.config.base.evaluate.splits
    found = [_claim(experiment, mine, theirs, split) for split in splits for theirs in others]
    return [claim for claim in found if claim.beyond]


def _claim(experiment: Experiment, mine: str, theirs: str, split: str) -> Claim:
    base, primary = experiment.config.base, primary_length(experiment.config)
    metric = experiment.task.main
    ours, others = (_points(experiment.finalists(name), split, metric) for name in (mine, theirs))
    paired = sorted(ours.keys() & others.keys())
    ahead: dict[int, list[float]] = {}
    for at in paired:
        ahead.setdefault(at[0], []).append(metric.ahead(ours[at].value(metric), others[at].value(metric)))
    wanted = range(base.seed, base.seed + experiment.config.seeds)
    missing = [s for s in wanted if any((n, s) not in ours or (n, s) not in others for n in ahead)]
    trained = [discordance(at[1], ours[at].outcomes, others[at].outcomes) for at in paired if at[0] == primary]
    largest = 1.0 if metric.unit == "%" else math.inf
    return Claim(
        metric=metric,
        mine=mine,
        theirs=theirs,
        split=split,
        training=base.train.length,
        primary=primary,
        differences=paired_differences(ahead, training=base.train.length, primary=primary, largest=largest),
        missing=tuple(missing),
        trained=tuple(found for found in trained if found),
    )


def _points(runs: tuple[Run, ...], split: str, metric: Metric) -> dict[tuple[int, int], Point]:
    """Points by length and seed; only those that the metric was measured at."""
    points = ((run.config.seed, point) for run in runs for point in run.points if point.split == split)
    return {(point.length, seed): point for seed, point in points if known(point, metric)}
