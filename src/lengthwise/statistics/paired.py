"""Two arms over the same seeds and the same evaluation examples: paired differences, and what they decide.

The seeds are what varies: an interval or a p-value speaks of training anew, on the evaluation examples there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, inf, log2
from typing import Literal

import numpy as np

from lengthwise.statistics.estimate import Estimate, student_mean

Outcome = Literal["better", "worse", "undecided"]
LEVEL = 0.05
"""Of a family of tests: the chance of any false *better* or *worse* among the lengths where nothing differs."""


@dataclass(frozen=True)
class Difference:
    """How far one arm is ahead of the other at one length, over seeds."""

    length: int
    pairs: int
    ahead: Estimate
    """Mean over pairs with its Student interval, which one pair has none of."""
    p: float
    """Of :func:`sign_flip_test`."""
    corrected: float
    """At a secondary length, ``p`` corrected over all of these; elsewhere ``p`` itself."""

    @property
    def outcome(self) -> Outcome:
        """*better* or *worse* where the interval excludes 0 and the corrected p is below 0.05, else *undecided*."""
        if self.corrected < LEVEL and self.ahead.low > 0:
            return "better"
        if self.corrected < LEVEL and self.ahead.high < 0:
            return "worse"
        return "undecided"


def paired_differences(
    ahead: Mapping[int, Sequence[float]], *, training: int, primary: int, largest: float = inf
) -> tuple[Difference, ...]:
    """Test the differences at each length, one per pair and positive where the one arm is better; shortest first.

    The test at the ``primary`` length stands by itself, uncorrected. Those at the other lengths beyond ``training`` are
    secondary: one family, corrected after Holm, so that a further length does not cost the primary one its power. The
    training length, and what is shorter, belongs to no claim about longer examples and to no family.

    Each length given has at least one pair. Differences that are all the same have an interval of no width, so that
    there the test alone decides, which counts pairs. No interval reaches beyond ``largest``, that which a difference
    can be: 1, of shares.
    """
    p = {length: sign_flip_test(of) for length, of in ahead.items()}
    secondary = [length for length in ahead if length > training and length != primary]
    corrected = p | dict(zip(secondary, holm([p[length] for length in secondary]), strict=True))
    return tuple(
        Difference(length, len(of), _ahead(of, largest), p[length], corrected[length])
        for length, of in sorted(ahead.items())
    )


def _ahead(differences: Sequence[float], largest: float) -> Estimate:
    found = student_mean(differences)
    if not found.bounded:
        return found
    return Estimate(found.value, max(found.low, -largest), min(found.high, largest))


def sign_flip_test(differences: Sequence[float]) -> float:
    """Two-sided p-value of the mean of paired differences, which are as likely to be negative if the arms are alike.

    The mean is held against that of every choice of signs: exact to 13 pairs, 9,999 random choices beyond. Preferred to
    the paired t test because accuracies near 0 and 1 are far from normal and a few seeds cannot show by how far,
    because differences that are all the same have no t, and because many ties, common there, cost Wilcoxon's ranks
    their meaning. The price is a floor of 2 / 2^pairs, see :func:`pairs_needed`.
    """
    from scipy.stats import permutation_test

    if len(differences) < 2:
        return 1.0  # either sign is as far from 0
    tested = permutation_test(
        (np.asarray(differences),),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        random_state=np.random.default_rng(0),
    )
    return float(tested.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number after Holm (1979), in the order given; no assumption on their dependence."""
    order = np.argsort(p_values)
    steps = np.asarray(p_values)[order] * np.arange(len(order), 0, -1)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(p) for p in corrected]


def pairs_needed(tests: int) -> int:
    """The fewest pairs with which :func:`sign_flip_test`, corrected over so many ``tests``, can fall below 0.05."""
    return floor(log2(2 * tests / LEVEL)) + 1
