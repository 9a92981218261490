"""Slopes and their intervals, against power laws that are known."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import linregress

from lengthwise.probes.estimate import mean, slope

LENGTHS = [16, 32, 64, 128, 256]


def _rows(power: float, inputs: int, seed: int, together: bool) -> torch.Tensor:
    """Normal outputs whose deviation is ``N ** power``: drawn anew at every length, or the same at all."""
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(inputs, 1 if together else len(LENGTHS), 8, generator=generator)
    return 3 + normal * torch.tensor(LENGTHS)[None, :, None] ** power


def test_an_exact_power_law_has_its_slope_and_an_interval_without_width() -> None:
    found = slope(_rows(-0.5, 10, seed=0, together=True), LENGTHS)
    assert found.value == pytest.approx(-0.5, abs=1e-6)
    assert found.low == pytest.approx(-0.5, abs=1e-6) == found.high  # a regression's interval is no narrower than this


def test_the_slope_is_that_of_least_squares_over_deviations() -> None:
    rows = _rows(-0.3, 12, seed=1, together=False).double() + 1e6  # far from 0, where sums of squares cancel
    deviations = rows.double().std(0).mean(-1)
    expected = linregress(np.log(LENGTHS), deviations.log().numpy()).slope
    assert slope(rows, LENGTHS).value == pytest.approx(expected, rel=1e-5)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    found = [slope(_rows(-0.5, 24, seed, together=False), LENGTHS) for seed in range(60)]
    held = sum(one.low <= -0.5 <= one.high for one in found)
    assert 50 <= held <= 60  # 57 of 60 would be 95 %
    assert all(one.low < one.value < one.high for one in found)


def test_no_slope_where_there_is_none() -> None:
    rows = _rows(-0.5, 4, seed=0, together=False)
    same = rows.clone()
    same[:, 0] = 1.0  # as after a first token that never changes
    for unknown in (slope(rows[:1], LENGTHS), slope(rows[:, :1], LENGTHS[:1]), slope(same, LENGTHS)):
        assert not unknown.known
        assert math.isnan(unknown.low)


def test_no_interval_over_few_inputs() -> None:
    rows = _rows(-0.5, 5, seed=0, together=False)
    assert slope(rows, LENGTHS).bounded
    few = slope(rows[:4], LENGTHS)
    assert few.known
    assert not few.bounded


def test_mean() -> None:
    found = mean(torch.tensor([1.0, 2.0, 3.0, 6.0, 8.0]))
    assert found.value == 4
    assert 1 <= found.low < 4 < found.high <= 8
    assert mean(torch.full((5,), 2.0)) == type(found)(2.0, 2.0, 2.0)
