"""A point is read back as it was written."""

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from lengthwise.errors import InputError
from lengthwise.evaluation.point import Measured, Point, packed
from lengthwise.tasks.metrics import ExactMatch, TokenAccuracy

SHARE = Measured(4 / 11, 0.1, 0.7, 4, 11)
POINT = Point("validation", 64, 11, {"exact_match": SHARE}, 0.5)


def _read(tree: dict[str, Any]) -> Point:
    return TypeAdapter(Point).validate_python(tree)


def test_right_sequences_are_four_a_digit_and_read_back() -> None:
    right = np.array([digit == "1" for digit in "10110000111"])
    point = replace(POINT, right=packed(right))
    assert point.right == "b0e0"  # 1011 0000 111 and five zeros that fill the last byte
    assert point.outcomes is not None
    assert point.outcomes.tolist() == right.tolist()
    assert _read(json.loads(json.dumps(asdict(point)))) == point
    assert POINT.outcomes is None


def test_a_metric_that_was_not_measured_is_said() -> None:
    assert POINT.value(ExactMatch()) == 4 / 11
    with pytest.raises(InputError, match="on validation at 64 measured exact_match but not 'token_accuracy'"):
        POINT.value(TokenAccuracy())


def test_numbers_come_with_the_sums_they_are_made_of() -> None:
    found = Measured.of(ExactMatch(), np.array([1.0, 0, 1, 1]), np.ones(4))
    assert (found.value, found.numerator, found.weight) == (0.75, 3, 4)
    assert 0 < found.low < 0.75 < found.high < 1
