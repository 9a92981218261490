"""Effective length: how far a mechanism gets before the main metric drops below a share of its value in training.

The effective length is the longest evaluated length up to which the mean over seeds stays above ``level`` times its
value at the training length (for metrics where lower is better: below that value divided by ``level``), at every length
between. It is censored at the longest evaluated length: where the metric still holds there, nobody knows how far it
goes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from lengthwise.analysis.arms import Arms, Evaluated
from lengthwise.analysis.design import Design, MetricFacts
from lengthwise.analysis.grids import known
from lengthwise.evaluation.point import Measured, Point
from lengthwise.statistics.effective_length import Number, Share, effective_length
from lengthwise.statistics.estimate import CONFIDENCE


@dataclass(frozen=True)
class Effective:
    """The effective length of a mechanism on one split."""

    mechanism: str
    split: str
    seeds: int
    """Number of seeds that are evaluated at every length."""
    base: float
    """Main metric at the training length, mean over seeds (unit of the metric)."""
    length: int | None
    """Effective length; None if nothing has been learnt that could last: at the training length the metric is 0, or a
    model that always gives the commonest answer is right as often, within the interval."""
    low: int | None
    high: int | None
    """``low`` and ``high`` are the ends of the 95 % interval over seeds and examples, both evaluated lengths; None if
    there are too few examples for an interval."""
    perfect: int | None
    """Longest perfect length: up to it, every example of every seed is right; None if there is no such length, or if
    the main metric is not a share of examples."""
    longest: int
    """Longest evaluated length, at which all lengths are censored."""

    @property
    def censored(self) -> bool:
        """True if the metric holds at the longest evaluated length, so that the effective length may be longer."""
        return self.length == self.longest


def effective(arms: Arms, design: Design) -> tuple[Effective, ...]:
    """Estimate the effective length of every mechanism on every split that is evaluated beyond the training length."""
    found = (_effective(arms[name], name, split, design) for split in design.splits for name in design.mechanisms)
    return tuple(of for of in found if of is not None)


def _effective(models: Sequence[Evaluated], mechanism: str, split: str, design: Design) -> Effective | None:
    lengths = [length for length in design.lengths if length > design.training_length]
    ordered = sorted(models, key=lambda model: model.pair)
    table = [row for model in ordered if (row := _row(model, split, lengths, design)) is not None]
    if not lengths or not table or (design.crossed and len(table) < design.seeds):
        return None
    at = list(zip([design.training_length, *lengths], zip(*table, strict=True), strict=True))
    found = (
        None
        if _at_chance(design.main, at[0][1])
        else effective_length(
            [(length, _at(design.main, points)) for length, points in at],
            level=design.level,
            higher_is_better=design.main.better == "higher",
            crossed=design.crossed,
        )
    )
    return Effective(
        mechanism=mechanism,
        split=split,
        seeds=len(table),
        base=float(np.mean([point.values[design.main.name].value for point in at[0][1]])),
        length=None if found is None else found.length,
        low=None if found is None else found.low,
        high=None if found is None else found.high,
        perfect=_perfect(design.main, at),
        longest=lengths[-1],
    )


def _row(model: Evaluated, split: str, lengths: Sequence[int], design: Design) -> list[Point] | None:
    """Return a seed's points at the training length and at the lengths beyond; None if one is missing.

    Where the training length is not evaluated, the validation at the end of the training stands for it.
    """
    held = {point.length: point for point in model.points if point.split == split and known(point, design.main)}
    if model.validation is not None and known(model.validation, design.main):
        held.setdefault(design.training_length, model.validation)
    wanted = [design.training_length, *lengths]
    return [held[length] for length in wanted] if set(wanted) <= held.keys() else None


def _at(metric: MetricFacts, points: Sequence[Point]) -> Share | Number:
    found = [point.values[metric.name] for point in points]
    if metric.counts_right:
        return Share(np.array([of.numerator for of in found]), np.array([of.weight for of in found]))
    return Number(np.array([of.value for of in found]), np.array([_error(of) for of in found]))


def _at_chance(metric: MetricFacts, points: Sequence[Point]) -> bool:
    """Return True if one answer for every example would be right as often, within the interval."""
    chances = [point.chance for point in points if point.chance is not None]
    if not metric.counts_right or not chances:
        return False
    return bool(np.mean([point.values[metric.name].low for point in points]) <= np.mean(chances))


def _error(of: Measured) -> float:
    """Return the standard error that an interval has under a normal distribution; nan without an interval."""
    widths = 2 * NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    return (of.high - of.low) / widths if of.bounded else math.nan


def _perfect(metric: MetricFacts, at: Sequence[tuple[int, Sequence[Point]]]) -> int | None:
    if not metric.counts_right:
        return None
    longest = None
    for length, points in at:
        if any(point.values[metric.name].value < 1 for point in points):
            break
        longest = length
    return longest
