"""Intervals against formulas, against scipy, and against what is known of them."""

import tracemalloc

import numpy as np
import pytest
from scipy import stats

from lengthwise.statistics import bootstrap
from lengthwise.statistics.bootstrap import mean, ratio, share
from lengthwise.statistics.estimate import Estimate, wilson


def test_wilson_against_the_formula() -> None:
    successes, trials, z = 90, 100, 1.959963984540054
    p = successes / trials
    centre = (p + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    found = wilson(successes, trials)
    assert (found.value, found.low, found.high) == pytest.approx((p, centre - half, centre + half))


def test_all_right_is_not_certain() -> None:
    found = wilson(64, 64)
    assert 0.94 < found.low < 0.95
    assert found.high == 1.0
    assert share(np.full(64, 3), np.full(64, 3)) == found


def test_bootstrap_is_that_of_scipy() -> None:
    rng = np.random.default_rng(3)
    scored = rng.integers(1, 9, 60)
    right = rng.binomial(scored, 0.7)
    expected = stats.bootstrap(
        (right, scored),
        lambda top, bottom, axis: top.sum(axis) / bottom.sum(axis),
        paired=True,
        n_resamples=bootstrap.RESAMPLES,
        method="percentile",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    found = share(right, scored)
    assert found == ratio(right, scored)
    assert found.value == right.sum() / scored.sum()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_bootstrap_covers_and_draws_whole_sequences() -> None:
    """Tokens that are right or wrong together leave an interval as wide as that of as many sequences."""
    rng = np.random.default_rng(0)
    right = rng.random(200) < 0.7
    found, expected = share(right * 50, np.full(200, 50)), wilson(int(right.sum()), 200)
    assert found.low == pytest.approx(expected.low, abs=0.02)
    assert found.high == pytest.approx(expected.high, abs=0.02)


def test_the_bootstrap_of_many_sequences_is_that_of_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    right = rng.binomial(50, 0.7, 20_000)
    tracemalloc.start()
    found = share(right, np.full(20_000, 50))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 250e6  # all draws at once take four times as much
    monkeypatch.setattr(bootstrap, "AT_ONCE", 1_234_567)
    assert share(right, np.full(20_000, 50)) == found


def test_mean() -> None:
    found = mean(np.array([1.0, 2.0, 3.0, 6.0, 8.0]))
    assert found.value == 4
    assert 1 <= found.low < 4 < found.high <= 8
    assert mean(np.full(5, 2.0)) == Estimate(2.0, 2.0, 2.0)


def test_few_inputs_have_no_interval_but_their_shares_have() -> None:
    few = ratio(np.array([1.0, 2.0, 0.5, 1.0]), np.ones(4))
    assert (few.value, few.bounded) == (1.125, False)
    assert share(np.array([1, 2]), np.array([2, 2])).bounded
    assert share(np.array([1]), np.array([2])).bounded


def test_what_weighs_nothing_has_no_ratio() -> None:
    assert not ratio(np.zeros(6), np.zeros(6)).known
    found = ratio(np.array([0.0, 0, 0, 0, 0, 3]), np.array([0.0, 0, 0, 0, 0, 2]))
    assert found == Estimate(1.5, 1.5, 1.5)  # resamples without the last one say nothing
