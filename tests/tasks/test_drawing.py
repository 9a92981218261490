"""Random draws that are more than one call of torch: each outcome is as likely as the others."""

import pytest
import torch
from scipy.stats import chisquare

from lengthwise.tasks.drawing import avoiding, distinct, first_equal


@pytest.mark.parametrize("below", [7, 8, 11])
def test_distinct_rows_are_all_as_likely(below: int) -> None:
    """A row of two is drawn by sorting below 8, and by drawing repeats again from 8 on."""
    drawn = distinct(torch.Generator().manual_seed(0), below, 20_000, 2)
    counts = torch.bincount(drawn[:, 0] * below + drawn[:, 1], minlength=below**2).view(below, below)
    assert not counts.diagonal().any()
    assert chisquare(counts[~torch.eye(below, dtype=torch.bool)].tolist()).pvalue > 0.001


def test_a_long_row_is_distinct() -> None:
    drawn = distinct(torch.Generator().manual_seed(0), 4_000, 3, 1_000)
    assert all(len(set(row)) == 1_000 for row in drawn.tolist())


def test_avoiding_draws_all_others_alike() -> None:
    avoided = torch.tensor([[3, 0], [5, 6], [4, 1]])
    drawn = avoiding(torch.Generator().manual_seed(0), 7, avoided, 9_000)
    for row, without in zip(drawn, avoided.tolist(), strict=True):
        counts = torch.bincount(row, minlength=7).tolist()
        assert [symbol for symbol, count in enumerate(counts) if not count] == sorted(without)
        assert chisquare([count for count in counts if count]).pvalue > 0.001


def test_the_first_equal_value_is_found() -> None:
    values = torch.randint(6, (5, 20), generator=torch.Generator().manual_seed(0))
    assert first_equal(values).tolist() == [[row.index(value) for value in row] for row in values.tolist()]
