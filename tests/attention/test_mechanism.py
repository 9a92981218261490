"""Names of mechanisms, and what is said of wrong ones."""

from typing import Any

import pytest

from lengthwise import Attention
from lengthwise.attention import Mechanism
from lengthwise.attention.positions.alibi import slopes
from lengthwise.errors import InputError
from lengthwise.naming import Named


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("softmax", ("softmax", "nope", "none")),
        ("softmax+rope", ("softmax", "rope", "none")),
        ("rope+softmax", ("softmax", "rope", "none")),
        ("softmax+alibi+layer-norm", ("softmax", "alibi", "layer-norm")),
        ("threshold-relative+layer-norm", ("threshold-relative", "nope", "layer-norm")),
    ],
)
def test_name_is_taken_apart(name: str, parts: tuple[str, str, str]) -> None:
    weights, position, output = map(Named, parts)
    assert Mechanism.parse(name) == Mechanism(weights, position, output)


@pytest.mark.parametrize(
    "name", ["softmax", "softmax+rope", "threshold-relative", "softmax+alibi+layer-norm", "softmax+head-gate"]
)
def test_name_comes_back(name: str) -> None:
    assert str(Mechanism.parse(name)) == name


@pytest.mark.parametrize(
    ("name", "fragment"),
    [
        ("softmax+ropes", "did you mean 'rope'"),
        ("treshold-relative", "did you mean 'threshold-relative'"),
        ("qqqq", "known: abacus, adaptive-temperature"),
        ("softmax+rope+alibi", "two position parts"),
        ("rope", "'softmax+rope'"),
        ("threshold-relative+alibi", "cannot take the bias"),
        ("softmax+head-gate@width", "drop '@width'"),
        ("", "There is no attention mechanism"),
    ],
)
def test_wrong_name_is_answered(name: str, fragment: str) -> None:
    with pytest.raises(InputError, match=r"^[A-Z'].*[.?]$") as refusal:
        Mechanism.parse(name)
    assert fragment in str(refusal.value)


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        ({"dim": 10, "heads": 3}, "multiple of heads"),
        ({"dim": 12, "heads": 4, "kv_heads": 3}, "multiple of kv_heads"),
        ({"dim": 6, "heads": 2, "mechanism": "softmax+rope"}, "head_dim must be even"),
        ({"dim": 8, "heads": 2, "dropout": 1.0}, "probability below 1"),
        ({"dim": 8, "heads": 2, "backend": "blokwise"}, "backend"),
        ({"dim": 8, "heads": 2, "mechanism": "threshold-relative", "backend": "blokwise"}, "did you mean 'blockwise'"),
    ],
)
def test_wrong_sizes_are_answered(arguments: dict[str, Any], fragment: str) -> None:
    with pytest.raises(InputError) as refusal:
        Attention(**arguments)
    assert fragment in str(refusal.value)


def test_slopes_of_alibi() -> None:
    assert slopes(8) == [2.0**-h for h in range(1, 9)]
    assert slopes(3) == [2.0**-4, 2.0**-8, 2.0**-2]  # two of H = 2, then the first of H = 4


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("softmax+my_parts_that_are_not:SoftCap", "no module 'my_parts_that_are_not'"),
        ("softmax+math:SoftCap", "'math' has nothing called 'SoftCap'"),
        ("softmax+math:pi", "subclass of one of Weights, Position, Numbering, Output"),
    ],
)
def test_wrong_parts_of_ones_own_are_answered(name: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Mechanism.parse(name)
