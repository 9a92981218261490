"""Paired comparison against scipy called directly, cases worked out by hand, and experiments drawn at random."""

from itertools import product
from math import sqrt
from statistics import fmean, stdev

import numpy as np
import pytest
from scipy import stats

from lengthwise.statistics.estimate import Estimate, student_mean
from lengthwise.statistics.paired import Difference, holm, paired_differences, pairs_needed, sign_flip_test

VALUES = [0.031, 0.012, -0.004, 0.052, 0.02, 0.041, 0.0, 0.017]


def test_interval_is_that_of_the_paired_t_test() -> None:
    expected = stats.ttest_1samp(VALUES, 0).confidence_interval(0.95)
    found = student_mean(VALUES)
    assert (found.value, found.low, found.high) == pytest.approx((fmean(VALUES), expected.low, expected.high))
    half = 12.706204736 * stdev([0.1, 0.3]) / sqrt(2)  # t of one degree of freedom, from a printed table
    found = student_mean([0.1, 0.3])
    assert (found.low, found.high) == pytest.approx((0.2 - half, 0.2 + half))


def test_sign_flips_against_all_of_them_counted() -> None:
    observed = abs(sum(VALUES)) - 1e-12
    extreme = [abs(sum(s * v for s, v in zip(signs, VALUES, strict=True))) >= observed
               for signs in product((-1, 1), repeat=len(VALUES))]  # fmt: skip
    assert sign_flip_test(VALUES) == pytest.approx(fmean(extreme))


def test_sign_flips_agree_with_the_t_test_where_that_is_right() -> None:
    rng = np.random.default_rng(1)
    for shift in (0.0, 0.3, 0.6):
        values = rng.normal(shift, 1, 30).tolist()
        assert sign_flip_test(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.02)


@pytest.mark.parametrize("count", [2, 5, 10])
def test_p_has_a_floor_and_sameness_a_p(count: int) -> None:
    assert sign_flip_test([0.02] * count) == pytest.approx(2 / 2**count)
    assert sign_flip_test([0.0] * count) == 1


def test_holm_by_hand() -> None:
    # Sorted: 0.005 * 4 = 0.02, 0.01 * 3 = 0.03, 0.03 * 2 = 0.06, 0.04 * 1 = 0.04, raised to the 0.06 before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1, 1]
    assert holm([]) == []


def test_pairs_needed_are_needed_and_enough() -> None:
    for tests in (1, 2, 5, 6, 10, 20):
        pairs = pairs_needed(tests)
        assert holm([sign_flip_test([0.1] * pairs)] * tests)[0] < 0.05
        assert holm([sign_flip_test([0.1] * (pairs - 1))] * tests)[0] >= 0.05


def test_one_pair_says_nothing_and_two_say_little() -> None:
    pairs = {16: [0.4], 32: [-0.9, 0.9]}
    one, two = paired_differences(pairs, training=8, primary=32, largest=1)
    assert (one.ahead.value, one.ahead.bounded, one.p, one.outcome) == (0.4, False, 1, "undecided")
    assert (two.ahead.low, two.ahead.high) == (-1, 1)  # that of the formula reaches beyond what shares can differ by
    assert two.outcome == "undecided"
    half = 0.9 * 12.706204736  # in another unit it is that of the formula: t of one degree of freedom
    assert paired_differences(pairs, training=8, primary=32)[1].ahead.high == pytest.approx(half)


def test_outcomes_are_three_and_secondary_lengths_alone_are_corrected() -> None:
    up, down, mixed = [0.03, 0.04, 0.05] * 3, [-0.3, -0.1] * 4, [0.1, -0.1] * 4
    shares = {1024: up, 64: down, 256: mixed, 16: [-0.1] * 6, 4096: [0.1] * 6}
    found = paired_differences(shares, training=16, primary=4096)
    assert [(d.length, d.pairs, d.outcome) for d in found] == [
        (16, 6, "worse"),
        (64, 8, "worse"),
        (256, 8, "undecided"),
        (1024, 9, "better"),
        (4096, 6, "better"),
    ]
    # By hand: six pairs of one sign have 2 / 2^6 by themselves; of three secondary lengths the smallest p is 2 / 2^9
    # times 3, the next 2 / 2^8 times 2; the training length is in no family.
    assert [d.corrected for d in found] == pytest.approx([2 / 2**6, 2 * 2 / 2**8, 1, 3 * 2 / 2**9, 2 / 2**6])
    assert [d.p for d in found] == pytest.approx([2 / 2**6, 2 / 2**8, 1, 2 / 2**9, 2 / 2**6])
    many = paired_differences(dict.fromkeys(range(1, 8), [0.01] * 8), training=0, primary=8)
    assert {d.outcome for d in many} == {"undecided"}  # 7 * 2 / 2^8 is above 0.05
    fewer = paired_differences(dict.fromkeys(range(1, 8), [0.01] * 8), training=1, primary=7)
    assert [d.corrected for d in fewer] == pytest.approx([2 / 2**8, *[5 * 2 / 2**8] * 5, 2 / 2**8])


def test_both_the_interval_and_the_test_must_agree() -> None:
    assert Difference(16, 9, Estimate(0.1, -0.01, 0.21), 0.001, 0.001).outcome == "undecided"
    assert Difference(16, 9, Estimate(0.1, 0.01, 0.19), 0.01, 0.06).outcome == "undecided"


@pytest.mark.long
def test_intervals_cover_and_verdicts_are_seldom_false() -> None:
    """Ten seeds, five lengths that share a part of their noise, heavy tails; means that differ only in the second."""
    rng = np.random.default_rng(0)
    wrong, anywhere, found, covered, experiments = 0, 0, 0, 0, 120
    for _ in range(experiments):
        noise = 0.02 * (rng.laplace(size=10) + rng.laplace(size=(5, 10)))
        null = paired_differences({n: row.tolist() for n, row in enumerate(noise, 1)}, training=0, primary=5)
        wrong += null[-1].outcome != "undecided"
        anywhere += any(d.outcome != "undecided" for d in null[:-1])
        covered += sum(d.ahead.low <= 0 <= d.ahead.high for d in null)
        real = paired_differences({n: (row + 0.08).tolist() for n, row in enumerate(noise, 1)}, training=0, primary=5)
        found += real[-1].outcome == "better"
    assert max(wrong, anywhere) <= stats.binom.ppf(0.999, experiments, 0.05)
    assert 0.93 <= covered / (5 * experiments) <= 0.98
    assert found >= 0.9 * experiments
