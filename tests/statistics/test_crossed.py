"""Components of variance of two crossed sources: by hand, and on the average over made-up tables."""

import numpy as np
import pytest

from lengthwise.statistics.crossed import components


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ([[1.0, 1.0], [3.0, 3.0]], (2.0, 0.0, 0.0)),
        ([[1.0, 3.0], [1.0, 3.0]], (0.0, 2.0, 0.0)),
        ([[1.0, 0.0], [0.0, 1.0]], (0.0, 0.0, 1.0)),
        ([[0.0, 1.0, 2.0], [4.0, 5.0, 6.0]], (8.0, 1.0, 0.0)),
        ([[0.1 + 0.2, 0.3], [0.7, 0.7], [0.9, 0.9]], (0.28 / 3, 0.0, 0.0)),
    ],
)
def test_by_hand(table: list[list[float]], expected: tuple[float, float, float]) -> None:
    found = components(np.array(table))
    assert (found.rows, found.columns, found.rest) == pytest.approx(expected)
    assert found.deviations == pytest.approx(tuple(value**0.5 for value in expected))


def test_the_mean_over_tables_is_the_truth() -> None:
    random, found = np.random.default_rng(0), []
    for _ in range(2_000):
        table = random.normal(0, 2, (4, 1)) + random.normal(0, 1, (1, 5)) + random.normal(0, 0.5, (4, 5))
        of = components(table)
        found.append((of.rows, of.columns, of.rest))
    assert np.mean(found, axis=0) == pytest.approx((4, 1, 0.25), rel=0.05)
