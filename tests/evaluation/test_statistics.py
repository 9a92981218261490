"""Intervals against what is known of them."""

import tracemalloc

import numpy as np
import pytest

from lengthwise.evaluation import statistics
from lengthwise.evaluation.statistics import ratio_interval, wilson


def test_wilson_against_the_formula() -> None:
    successes, trials, z = 90, 100, 1.959963984540054
    p = successes / trials
    centre = (p + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    assert wilson(successes, trials) == pytest.approx((centre - half, centre + half))


def test_all_right_is_not_certain() -> None:
    low, high = wilson(64, 64)
    assert 0.94 < low < 0.95
    assert high == 1.0
    assert ratio_interval(np.full(64, 3), np.full(64, 3)) == wilson(64, 64)


def test_bootstrap_covers_and_draws_whole_sequences() -> None:
    """Tokens that are right or wrong together leave an interval as wide as that of as many sequences."""
    rng = np.random.default_rng(0)
    right = rng.random(200) < 0.7
    low, high = ratio_interval(right * 50, np.full(200, 50))
    expected = wilson(int(right.sum()), 200)
    assert low == pytest.approx(expected[0], abs=0.02)
    assert high == pytest.approx(expected[1], abs=0.02)


def test_the_bootstrap_of_many_sequences_is_that_of_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    right = rng.binomial(50, 0.7, 20_000)
    tracemalloc.start()
    interval = ratio_interval(right, np.full(20_000, 50))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 250e6  # all draws at once take four times as much
    monkeypatch.setattr(statistics, "DRAWN_AT_ONCE", 1_234_567)
    assert ratio_interval(right, np.full(20_000, 50)) == interval
