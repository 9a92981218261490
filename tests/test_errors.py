"""Errors of other packages, told in one sentence of ours."""

import pytest

from lengthwise.errors import first_sentence


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("No such file: a.b.", "No such file: a.b"),
        ("The folder\n  is empty. Look\nelsewhere.", "The folder is empty"),
        ("Expected one of:", "Expected one of"),
        ("", ""),
        ("x" * 300, "x" * 200),
    ],
)
def test_the_first_sentence_in_one_line(said: str, expected: str) -> None:
    assert first_sentence(ValueError(said)) == expected
