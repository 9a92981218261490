"""Two arms over the same seeds and the same evaluation examples: paired differences, and the verdicts from them.

Seeds are the random sample: an interval or a p-value speaks about training again with other seeds, evaluated on the
same examples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, inf, log2
from typing import Literal

import numpy as np

from lengthwise.statistics.estimate import Estimate, student_mean

Outcome = Literal["better", "worse", "undecided"]
ERROR_RATE = 0.05
"""Error rate of a family of tests: the chance of any false *better* or *worse* at lengths where the arms are equal."""


@dataclass(frozen=True)
class Difference:
    """How far one arm is ahead of the other at one length, over seeds."""

    length: int
    pairs: int
    ahead: Estimate
    """Mean over pairs with its Student interval; a single pair has no interval."""
    p: float
    """The p-value of :func:`sign_flip_test`."""
    corrected: float
    """At a secondary length, ``p`` corrected over all secondary lengths; elsewhere ``p`` itself."""

    @property
    def outcome(self) -> Outcome:
        """*better* or *worse* if the interval excludes 0 and the corrected p is below 0.05, else *undecided*."""
        if self.corrected < ERROR_RATE and self.ahead.low > 0:
            return "better"
        if self.corrected < ERROR_RATE and self.ahead.high < 0:
            return "worse"
        return "undecided"


def paired_differences(
    ahead: Mapping[int, Sequence[float]], *, training: int, primary: int, largest: float = inf
) -> tuple[Difference, ...]:
    """Test the differences at each length: one difference per pair, positive where the first arm is better.

    The test at the ``primary`` length is not corrected. The tests at the other lengths beyond ``training`` are
    secondary: they form one family with Holm's correction, so that a further length does not cost the primary test any
    power. The training length and shorter lengths support no claim about longer examples and belong to no family.

    Each length has at least one pair. Equal differences have an interval of no width, so that the sign-flip test alone
    decides, by the number of pairs. Intervals are cut at ``largest``, the largest possible difference: 1 for shares.
    The result is sorted by length.
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
    """Compute the two-sided p-value of the mean paired difference, whose sign is random if the arms are equal.

    The mean is compared with the mean under every choice of signs: exactly up to 13 pairs, with 9,999 random choices
    beyond. This test is preferred to the paired t test, because accuracies near 0 and 1 are far from normal and a few
    seeds cannot show how far, and because equal differences have no t. It is preferred to Wilcoxon's test, whose ranks
    mean little with many ties, which are common near 0 and 1. The price is a smallest p-value of 2 / 2^pairs, see
    :func:`pairs_needed`.
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
    """Correct p-values for their number after Holm (1979), keeping their order; they may depend on each other."""
    order = np.argsort(p_values)
    steps = np.asarray(p_values)[order] * np.arange(len(order), 0, -1)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(p) for p in corrected]


def pairs_needed(tests: int) -> int:
    """Return the fewest pairs with which :func:`sign_flip_test`, corrected over ``tests`` tests, can be below 0.05."""
    return floor(log2(2 * tests / ERROR_RATE)) + 1
