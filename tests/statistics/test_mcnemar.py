"""The exact test on two trained models' answers, by hand."""

import numpy as np
import pytest

from lengthwise.statistics.mcnemar import Discordance, discordance


def _right(digits: str) -> np.ndarray:
    return np.array([digit == "1" for digit in digits])


def test_models_on_other_sequences_cannot_be_told_apart() -> None:
    assert discordance(0, None, _right("10110000111")) is None
    assert discordance(0, _right("1011"), _right("10110000111")) is None


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
