"""The exact test on two trained models' answers, by hand; and which sequences were right, kept in a point."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from pydantic import TypeAdapter

from lengthwise.evaluation.point import Point, packed
from lengthwise.statistics.mcnemar import Discordance, discordance

ALIKE = Point("validation", 64, 11, 4, 11, 4, 4 / 11, (0.1, 0.7), 4 / 11, (0.1, 0.7), 1.0, 0.5)


def _point(digits: str) -> Point:
    return replace(ALIKE, sequences=len(digits), right=packed(_right(digits)))


def _right(digits: str) -> np.ndarray:
    return np.array([digit == "1" for digit in digits])


def test_right_sequences_are_four_a_digit_and_read_back() -> None:
    point = _point("10110000111")
    assert point.right == "b0e0"  # 1011 0000 111 and five zeros that fill the last byte
    assert point.outcomes is not None
    assert point.outcomes.astype(int).tolist() == [1, 0, 1, 1, 0, 0, 0, 0, 1, 1, 1]
    assert TypeAdapter(Point).validate_python(asdict(point)) == point


def test_points_from_before_are_read_and_cannot_be_told_apart() -> None:
    old = {key: value for key, value in asdict(ALIKE).items() if key != "right"}
    point = TypeAdapter(Point).validate_python(old)
    assert point.outcomes is None
    assert discordance(0, point.outcomes, _right("10110000111")) is None
    assert discordance(0, _right("1011"), _right("10110000111")) is None  # not the same sequences


def test_counts_of_what_one_alone_has_right() -> None:
    found = discordance(3, _right("11110000111"), _right("10000001111"))
    assert found == Discordance(seed=3, sequences=11, mine=3, theirs=1)


@pytest.mark.parametrize(
    ("mine", "theirs", "p"),
    [
        (6, 0, 2 / 64),
        (0, 6, 2 / 64),
        (5, 0, 2 / 32),  # not below 0.05
        (7, 1, 2 * (1 + 8) / 256),
        (3, 1, 2 * (1 + 4) / 16),
        (2, 2, 1),
        (0, 0, 1),
    ],
)
def test_p_is_the_tails_of_fair_coins(mine: int, theirs: int, p: float) -> None:
    assert Discordance(0, 100, mine, theirs).p == pytest.approx(p)
