"""Slopes and their intervals, against power laws that are known."""

import math

import numpy as np
import pytest
from scipy.stats import linregress

from lengthwise.statistics.slopes import deviation_slope, log_slope

LENGTHS = [16, 32, 64, 128, 256]


def _rows(power: float, inputs: int, seed: int, together: bool) -> np.ndarray:
    """Normal outputs whose deviation is ``N ** power``: drawn anew at every length, or the same at all."""
    normal = np.random.default_rng(seed).normal(size=(inputs, 1 if together else len(LENGTHS), 8))
    return 3 + normal * np.array(LENGTHS)[None, :, None] ** power


def test_an_exact_power_law_has_its_slope_and_an_interval_without_width() -> None:
    found = deviation_slope(_rows(-0.5, 10, seed=0, together=True), LENGTHS)
    assert found.value == pytest.approx(-0.5, abs=1e-6)
    assert found.low == pytest.approx(-0.5, abs=1e-6) == found.high  # a regression's interval is no narrower than this


def test_the_slope_is_that_of_least_squares_over_deviations() -> None:
    rows = _rows(-0.3, 12, seed=1, together=False) + 1e6  # far from 0, where sums of squares cancel
    deviations = rows.std(0, ddof=1).mean(-1)
    expected = linregress(np.log(LENGTHS), np.log(deviations)).slope
    assert deviation_slope(rows, LENGTHS).value == pytest.approx(expected, rel=1e-5)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    found = [deviation_slope(_rows(-0.5, 24, seed, together=False), LENGTHS) for seed in range(60)]
    held = sum(one.low <= -0.5 <= one.high for one in found)
    assert 50 <= held <= 60  # 57 of 60 would be 95 %
    assert all(one.low < one.value < one.high for one in found)


def test_no_slope_where_there_is_none() -> None:
    rows = _rows(-0.5, 4, seed=0, together=False)
    same = rows.copy()
    same[:, 0] = 1.0  # as after a first token that never changes
    for of, lengths in ((rows[:1], LENGTHS), (rows[:, :1], LENGTHS[:1]), (same, LENGTHS)):
        unknown = deviation_slope(of, lengths)
        assert not unknown.known
        assert math.isnan(unknown.low)


def test_no_interval_over_few_inputs() -> None:
    rows = _rows(-0.5, 5, seed=0, together=False)
    assert deviation_slope(rows, LENGTHS).bounded
    few = deviation_slope(rows[:4], LENGTHS)
    assert few.known
    assert not few.bounded


def test_slope_is_the_exponent() -> None:
    lengths = [16, 64, 256, 1024]
    values = [3 * n**-0.5 * f for n, f in zip(lengths, (1.1, 0.9, 1.05, 0.97), strict=True)]
    expected = linregress(np.log(lengths), np.log(values)).slope
    assert log_slope(lengths, values) == pytest.approx(expected)
    assert log_slope([1, 100], [5, 0.5]) == pytest.approx(-0.5)
