"""Attention resolution, against the formula of the paper in plain Python."""

import math

import pytest
import torch

from lengthwise.evaluation.resolution import attention_resolution


def by_scores(scores: list[float]) -> float:
    """The paper's formula; ``scores`` begins at distance 0, and nothing lies beyond the farthest key."""
    powers = [math.exp(score) for score in scores] + [0.0]
    numerator = sum(powers[n] * (powers[n] - powers[n + 1]) for n in range(len(scores)))
    return numerator / sum(powers) ** 2


@pytest.mark.parametrize("keys", [1, 2, 3, 17])
def test_the_formula_of_scores_is_that_of_weights(keys: int) -> None:
    scores = 2 * torch.randn(5, 3, keys, dtype=torch.float64, generator=torch.Generator().manual_seed(keys))
    found = attention_resolution(scores.softmax(-1))
    assert found.shape == (5, 3)
    for row, of in zip(scores.flatten(0, 1).tolist(), found.flatten().tolist(), strict=True):
        assert of == pytest.approx(by_scores(row), rel=1e-12)
        assert of == pytest.approx(by_scores(row[::-1]), rel=1e-12), "distances in reverse give the same"


def test_extremes() -> None:
    assert attention_resolution(torch.eye(7)).tolist() == [1.0] * 7
    assert attention_resolution(torch.full((8,), 1 / 8)).item() == pytest.approx(1 / 64)
    assert attention_resolution(torch.zeros(2, 5)).tolist() == [0.0, 0.0]
    assert attention_resolution(torch.full((1, 1), torch.nan)).isnan().all(), "weights that are not known"
    alternating = torch.tensor([1.0, 0.0] * 50)
    assert attention_resolution(alternating) > 50 * attention_resolution(torch.ones(100))


def test_weights_that_fall_by_a_factor_have_its_closed_form() -> None:
    """As under ALiBi with equal products: of weights (1 - r) r^n, the sum is (1 - r)^2 / (1 + r)."""
    for factor in (0.2, 0.5, 0.9):
        weights = factor ** torch.arange(400, dtype=torch.float64)
        assert attention_resolution(weights).item() == pytest.approx((1 - factor) ** 2 / (1 + factor))


def test_weights_are_taken_as_shares() -> None:
    weights = torch.tensor([0.1, 0.4, -0.2], dtype=torch.float64)
    shares = weights.abs() / weights.abs().sum()
    expected = attention_resolution(shares).item()
    assert attention_resolution(weights).item() == pytest.approx(expected)
    assert attention_resolution(3 * weights).item() == pytest.approx(expected)
    assert attention_resolution(weights.bfloat16()).dtype == torch.float32
