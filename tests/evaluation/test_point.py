"""A point is read back as it was written, and so is one that was written before a task had metrics of its own."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from lengthwise.errors import InputError
from lengthwise.evaluation.point import Measured, Point, packed
from lengthwise.experiments.folder import RunFolder
from lengthwise.tasks.metrics import ExactMatch, TokenAccuracy

SHARE = Measured(4 / 11, 0.1, 0.7, 4, 11)
POINT = Point("validation", 64, 11, {"exact_match": SHARE}, 0.5)
LAYER = {
    "spread": {
        "inputs": 64,
        "deviation": 0.0069,
        "fixed_deviation": 0.0074,
        "global_mean": 0.0241,
        "global_variance": 0.0031,
    },
    "dispersion": {"entropy": 0.9998, "largest": 0.066, "first": 0.0623},
}
FORMER: dict[str, Any] = {
    "split": "validation",
    "length": 16,
    "sequences": 64,
    "exact": 6,
    "scored": 128,
    "correct": 40,
    "exact_match": 0.09375,
    "exact_match_interval": [0.0437, 0.1898],
    "token_accuracy": 0.3125,
    "token_accuracy_interval": [0.2, 0.4],
    "loss": 2.25,
    "seconds": 0.0185,
    "layers": [LAYER],
    "causes": {"right_key": 9, "dispersion": 7, "ordering": 51},
    "right": "0009420000000018",
}


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


def test_a_former_point_has_its_numbers_by_name() -> None:
    point = _read(FORMER)
    assert (point.split, point.length, point.sequences, point.seconds) == ("validation", 16, 64, 0.0185)
    assert point.right == FORMER["right"]
    (layer,) = map(asdict, point.layers)
    assert math.isnan(layer["dispersion"].pop("resolution"))
    assert layer == LAYER
    assert point.values["exact_match"] == Measured(0.09375, 0.0437, 0.1898, 6, 64)
    assert point.values["token_accuracy"] == Measured(0.3125, 0.2, 0.4, 40, 128)
    loss = point.values["loss"]
    assert (loss.value, loss.bounded, loss.numerator, loss.weight) == (2.25, False, 288, 128)
    causes = {
        name: (of.value, of.numerator, of.weight) for name, of in point.values.items() if name in FORMER["causes"]
    }
    assert causes == {"right_key": (9 / 64, 9, 64), "dispersion": (7 / 64, 7, 64), "ordering": (51 / 64, 51, 64)}
    assert FORMER["exact"] == 6  # what was read is left as it is


def test_a_former_point_of_sequences_has_no_causes_and_the_first_did_not_know_what_was_right() -> None:
    point = _read({key: value for key, value in FORMER.items() if key not in ("causes", "right", "layers")})
    assert set(point.values) == {"exact_match", "token_accuracy", "loss"}
    assert (point.outcomes, point.layers) == (None, ())
    assert set(_read(FORMER | {"causes": None}).values) == {"exact_match", "token_accuracy", "loss"}


@pytest.mark.parametrize("key", ["sequences", "exact", "scored", "token_accuracy_interval", "loss"])
def test_a_former_point_that_is_damaged_is_said(tmp_path: Path, key: str) -> None:
    for tree in ({k: v for k, v in FORMER.items() if k != key}, FORMER | {key: ["no value"]}):
        (tmp_path / "evaluation.jsonl").write_text(json.dumps(tree) + "\n", encoding="utf-8")
        with pytest.raises(InputError, match=r"Line 1 of .*evaluation\.jsonl is damaged: "):
            _ = RunFolder(tmp_path).points


def test_a_metric_that_was_not_measured_is_said() -> None:
    assert POINT.value(ExactMatch()) == 4 / 11
    with pytest.raises(InputError, match="on validation at 64 measured exact_match but not 'token_accuracy'"):
        POINT.value(TokenAccuracy())


def test_numbers_come_with_the_sums_they_are_made_of() -> None:
    found = Measured.of(ExactMatch(), np.array([1.0, 0, 1, 1]), np.ones(4))
    assert (found.value, found.numerator, found.weight) == (0.75, 3, 4)
    assert 0 < found.low < 0.75 < found.high < 1
