"""The claims that a comparison tests: the mechanism named first against each of the others, split by split."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lengthwise.analysis.design import Design
from lengthwise.analysis.grids import known
from lengthwise.analysis.numbers import Interval, interval
from lengthwise.evaluation.point import Point
from lengthwise.experiments.record import Experiment, Run
from lengthwise.statistics import paired
from lengthwise.statistics.mcnemar import discordance
from lengthwise.statistics.paired import Outcome, holm, paired_differences, pairs_needed

Ruling = Literal["holds", "fails", "undecided"]
RULE = (
    "The claim holds if the first mechanism is better at the primary length, the longest, and fails if it is worse "
    "there. Better and worse: the 95 % interval of the mean difference over seeds (Student) excludes 0, and the exact "
    "sign-flip test has a p-value below 0.05. It is uncorrected at the primary length: of mechanisms that differ in "
    "nothing, about one claim in twenty is still decided. The other lengths beyond the training length are secondary: "
    "their p-values are corrected after Holm over them. The training length is in no correction and no claim."
)
"""How claims are decided, for readers."""
RULINGS: dict[Outcome, Ruling] = {"better": "holds", "worse": "fails", "undecided": "undecided"}


@dataclass(frozen=True)
class Difference:
    """How far the one mechanism is ahead of the other at one length, over pairs of runs with the same seed."""

    length: int
    """Tokens or items per example."""
    pairs: int
    mean: float
    """Of the main metric over pairs, in its unit; above 0 where the first mechanism is better."""
    interval: Interval | None
    """Student's 95 % interval of that mean; None of one pair."""
    p: float
    """Two-sided, of the exact sign-flip test."""
    corrected_p: float
    """At a secondary length, ``p`` corrected after Holm over these; elsewhere ``p`` itself."""
    outcome: Outcome
    """*better* or *worse* where the interval excludes 0 and ``corrected_p`` is below 0.05."""


@dataclass(frozen=True)
class Pair:
    """Two trained models on the same examples of the primary length: McNemar's exact test."""

    seed: int
    """That both were trained with."""
    examples: int
    """That both were asked."""
    mine: int
    """Answered rightly by the first mechanism's model alone."""
    theirs: int
    """Answered rightly by the other model alone."""
    p: float
    """Two-sided and exact."""
    corrected_p: float | None
    """``p`` corrected after Holm over all pairs of the split whose claims have too few seeds to be decided; None where
    the seeds can decide, so that nothing is said of trained models."""


@dataclass(frozen=True)
class Claim:
    """That the mechanism named first is better than another on longer examples than it was trained on."""

    mine: str
    theirs: str
    split: str
    primary: int
    """The length that decides."""
    ruling: Ruling
    """What the primary length says of the claim, by :data:`RULE`."""
    differences: tuple[Difference, ...]
    """At every length with a pair, shortest first."""
    beyond: tuple[int, ...]
    """The lengths of these beyond the training length, which the claim is about."""
    missing: tuple[int, ...]
    """Seeds without a pair at one of the lengths at least."""
    needed: int
    """The fewest pairs that can decide at the primary length."""
    needed_elsewhere: int | None
    """The fewest pairs that can decide at the secondary lengths; None where there is none."""
    trained: tuple[Pair, ...]
    """Each pair of trained models, where the folder knows which examples they had right; by seed."""

    @property
    def secondary(self) -> tuple[Difference, ...]:
        """The differences beyond the training length that do not decide."""
        return tuple(d for d in self.differences if d.length in self.beyond and d.length != self.primary)

    @property
    def decisive(self) -> Difference | None:
        """The difference at the primary length; None without a pair there."""
        return next((d for d in self.differences if d.length == self.primary), None)

    @property
    def pairs(self) -> tuple[int, int]:
        """The fewest and the most pairs at a length beyond the training length."""
        numbers = [d.pairs for d in self.differences if d.length in self.beyond]
        return min(numbers), max(numbers)

    @property
    def decidable(self) -> bool:
        """True if there are pairs enough at the primary length for the test to be able to decide."""
        return self.decisive is not None and self.decisive.pairs >= self.needed


def claims(experiment: Experiment, asked: Design) -> tuple[Claim, ...]:
    """Test one claim per other mechanism and split that has any pair beyond the training length."""
    mine, *others = asked.mechanisms
    found: list[Claim] = []
    for split in asked.splits:
        tested = [_claim(experiment, asked, mine, theirs, split) for theirs in others]
        found += _corrected([claim for claim in tested if claim.beyond])
    return tuple(found)


def _claim(experiment: Experiment, asked: Design, mine: str, theirs: str, split: str) -> Claim:
    metric, primary = experiment.task.main, asked.primary
    ours, others = (_points(experiment.finalists(name), split, asked) for name in (mine, theirs))
    both = sorted(ours.keys() & others.keys())
    ahead: dict[int, list[float]] = {}
    for at in both:
        ahead.setdefault(at[0], []).append(metric.ahead(ours[at].value(metric), others[at].value(metric)))
    wanted = range(asked.first_seed, asked.first_seed + asked.seeds)
    largest = 1.0 if metric.unit == "%" else math.inf
    tested = paired_differences(ahead, training=asked.training_length, primary=primary, largest=largest)
    decisive = next((d for d in tested if d.length == primary), None)
    beyond = tuple(d.length for d in tested if d.length > asked.training_length)
    secondary = sum(length != primary for length in beyond)
    return Claim(
        mine=mine,
        theirs=theirs,
        split=split,
        primary=primary,
        ruling=RULINGS[decisive.outcome] if decisive else "undecided",
        differences=tuple(map(_difference, tested)),
        beyond=beyond,
        missing=tuple(s for s in wanted if any((n, s) not in ours or (n, s) not in others for n in ahead)),
        needed=pairs_needed(1),
        needed_elsewhere=pairs_needed(secondary) if secondary else None,
        trained=tuple(pair for at in both if at[0] == primary and (pair := _pair(at[1], ours[at], others[at]))),
    )


def _points(runs: tuple[Run, ...], split: str, asked: Design) -> dict[tuple[int, int], Point]:
    """Points by length and seed; only those that the main metric was measured at."""
    points = ((run.config.seed, point) for run in runs for point in run.points if point.split == split)
    return {(point.length, seed): point for seed, point in points if known(point, asked.main)}


def _difference(of: paired.Difference) -> Difference:
    return Difference(of.length, of.pairs, of.ahead.value, interval(of.ahead), of.p, of.corrected, of.outcome)


def _pair(seed: int, mine: Point, theirs: Point) -> Pair | None:
    found = discordance(seed, mine.outcomes, theirs.outcomes)
    if found is None:
        return None
    return Pair(seed, found.sequences, found.mine, found.theirs, found.p, None)


def _corrected(of_a_split: Sequence[Claim]) -> list[Claim]:
    """The claims with the p-values of their trained models corrected, where the seeds cannot decide."""
    short = [claim for claim in of_a_split if not claim.decidable]
    p = iter(holm([pair.p for claim in short for pair in claim.trained]))
    return [
        claim
        if claim.decidable
        else replace(claim, trained=tuple(replace(pair, corrected_p=next(p)) for pair in claim.trained))
        for claim in of_a_split
    ]
