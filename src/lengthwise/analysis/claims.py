"""The claims that a comparison tests: the mechanism named first against each of the others, split by split."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

from lengthwise.analysis.arms import Arms, Evaluated
from lengthwise.analysis.design import Design
from lengthwise.analysis.grids import known
from lengthwise.analysis.numbers import Interval, interval
from lengthwise.evaluation.point import Point
from lengthwise.statistics import paired
from lengthwise.statistics.mcnemar import discordance
from lengthwise.statistics.paired import Outcome, holm, paired_differences, pairs_needed

Ruling = Literal["holds", "fails", "undecided"]
RULE = (
    "The claim holds if the first mechanism is better at the primary length, which is the longest; the claim fails if "
    "the first mechanism is worse there. A difference counts if the 95 % interval of its mean over seeds (Student) "
    "excludes 0 and the exact sign-flip test has a p-value below 0.05. At the primary length the p-value is not "
    "corrected: if two mechanisms do not differ, their claim is still decided about once in twenty times. The other "
    "lengths beyond the training length are secondary: Holm's correction covers their p-values. The training length is "
    "part of neither the claim nor the correction."
)
"""The rule of claims, for readers."""
RULINGS: dict[Outcome, Ruling] = {"better": "holds", "worse": "fails", "undecided": "undecided"}


@dataclass(frozen=True)
class Difference:
    """The difference between two mechanisms at one length, over pairs of runs with the same seed.

    Where seeds of weights and data are crossed, a pair is a seed of the weights, with means over the seeds of the data.
    """

    length: int
    """Tokens or items per example."""
    pairs: int
    mean: float
    """Mean difference of the main metric over pairs (unit of the metric); above 0 if the first mechanism is better."""
    interval: Interval | None
    """Student's 95 % interval of the mean; None for one pair."""
    p: float
    """Two-sided p-value of the exact sign-flip test."""
    corrected_p: float
    """At a secondary length, ``p`` with Holm's correction over the secondary lengths; elsewhere ``p`` itself."""
    outcome: Outcome
    """*better* or *worse* if the interval excludes 0 and ``corrected_p`` is below 0.05."""


@dataclass(frozen=True)
class Pair:
    """McNemar's exact test of two trained models on the same examples at the primary length."""

    seed: int
    """Training seed of both models."""
    examples: int
    """Number of examples that both models answered."""
    mine: int
    """Number of examples that only the first mechanism's model answered rightly."""
    theirs: int
    """Number of examples that only the other model answered rightly."""
    p: float
    """Exact two-sided p-value."""
    corrected_p: float | None
    """``p`` with Holm's correction over all pairs of the split whose claims have too few seeds to be decided; None if
    the seeds can decide, because reports then do not compare single trained models."""


@dataclass(frozen=True)
class Claim:
    """The claim that the mechanism named first is better than another on examples longer than the training examples."""

    mine: str
    theirs: str
    split: str
    primary: int
    """The length that decides the claim."""
    ruling: Ruling
    """The decision at the primary length, by :data:`RULE`."""
    differences: tuple[Difference, ...]
    """Differences at every length with a pair, shortest length first."""
    beyond: tuple[int, ...]
    """Lengths of ``differences`` beyond the training length: the claim is about these lengths."""
    missing: tuple[int, ...]
    """Seeds that lack a pair at one length or more."""
    needed: int
    """Smallest number of pairs that can decide at the primary length."""
    needed_elsewhere: int | None
    """Smallest number of pairs that can decide at the secondary lengths; None if there are no secondary lengths."""
    trained: tuple[Pair, ...]
    """Pairs of trained models, by seed, for which the folder holds the outcome of every example."""

    @property
    def secondary(self) -> tuple[Difference, ...]:
        """The differences at secondary lengths, which do not decide the claim."""
        return tuple(d for d in self.differences if d.length in self.beyond and d.length != self.primary)

    @property
    def decisive(self) -> Difference | None:
        """The difference at the primary length; None if there is no pair at that length."""
        return next((d for d in self.differences if d.length == self.primary), None)

    @property
    def pairs(self) -> tuple[int, int]:
        """The smallest and the largest number of pairs at a length beyond the training length."""
        numbers = [d.pairs for d in self.differences if d.length in self.beyond]
        return min(numbers), max(numbers)

    @property
    def decidable(self) -> bool:
        """True if the primary length has enough pairs for the test to be able to decide."""
        return self.decisive is not None and self.decisive.pairs >= self.needed


def claims(arms: Arms, design: Design) -> tuple[Claim, ...]:
    """Test one claim for each other mechanism and split with a pair beyond the training length."""
    mine, *others = design.mechanisms
    found: list[Claim] = []
    for split in design.splits:
        tested = [_claim(arms, design, mine, theirs, split) for theirs in others]
        found += _corrected([claim for claim in tested if claim.beyond])
    return tuple(found)


def _claim(arms: Arms, design: Design, mine: str, theirs: str, split: str) -> Claim:
    metric, primary = design.main, design.primary
    ours, others = (_points(arms[name], split, design) for name in (mine, theirs))
    both = sorted(ours.keys() & others.keys())
    ahead: dict[int, list[float]] = {}
    for at in both:
        means = (fmean(point.values[metric.name].value for point in of[at]) for of in (ours, others))
        ahead.setdefault(at[0], []).append(metric.ahead(*means))
    wanted = range(design.first_seed, design.first_seed + design.pairs)
    largest = 1.0 if metric.unit == "%" else math.inf
    tested = paired_differences(ahead, training=design.training_length, primary=primary, largest=largest)
    decisive = next((d for d in tested if d.length == primary), None)
    beyond = tuple(d.length for d in tested if d.length > design.training_length)
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
        trained=()
        if design.crossed
        else tuple(pair for at in both if at[0] == primary and (pair := _pair(at[1], *ours[at], *others[at]))),
    )


def _points(models: Sequence[Evaluated], split: str, design: Design) -> dict[tuple[int, int], list[Point]]:
    """Return the points at which the main metric was measured, by length and seed of the weights.

    Crossed seeds have a point for each seed of the data, over which the test takes the mean: pairs that share a seed
    are not independent. A seed without one of these points is left out.
    """
    found: dict[tuple[int, int], list[Point]] = {}
    for model in models:
        for point in model.points:
            if point.split == split and known(point, design.main):
                found.setdefault((point.length, model.seed), []).append(point)
    each = design.crossed[1] if design.crossed else 1
    return {at: points for at, points in found.items() if len(points) == each}


def _difference(of: paired.Difference) -> Difference:
    return Difference(of.length, of.pairs, of.ahead.value, interval(of.ahead), of.p, of.corrected, of.outcome)


def _pair(seed: int, mine: Point, theirs: Point) -> Pair | None:
    found = discordance(seed, mine.outcomes, theirs.outcomes)
    if found is None:
        return None
    return Pair(seed, found.sequences, found.mine, found.theirs, found.p, None)


def _corrected(of_a_split: Sequence[Claim]) -> list[Claim]:
    """Return the claims with corrected p-values of trained models wherever the seeds cannot decide a claim."""
    short = [claim for claim in of_a_split if not claim.decidable]
    p = iter(holm([pair.p for claim in short for pair in claim.trained]))
    return [
        claim
        if claim.decidable
        else replace(claim, trained=tuple(replace(pair, corrected_p=next(p)) for pair in claim.trained))
        for claim in of_a_split
    ]
