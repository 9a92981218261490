"""Random draws that are more than one call of torch: each outcome is as likely as the others."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from lengthwise.tasks.drawing import SORTED, avoiding, coded, distinct, first_equal, in_order, one_hot, repeated


@pytest.mark.parametrize("below", [7, SORTED, SORTED + 1])
def test_distinct_rows_are_all_as_likely(below: int) -> None:
    """A row of two is drawn by sorting up to 64 integers, and by drawing repeats again among more."""
    drawn = distinct(torch.Generator().manual_seed(0), below, 40_000, 2)
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


def test_a_repeated_value_stands_before() -> None:
    values = torch.randint(6, (5, 20), generator=torch.Generator().manual_seed(0))
    assert repeated(values).tolist() == [[value in row[:at] for at, value in enumerate(row)] for row in values.tolist()]
    assert not repeated(torch.arange(12).view(3, 4)).any()


def test_numbers_are_coded() -> None:
    numbers = torch.tensor([[0, 5], [6, 7]])
    assert coded(numbers.numpy(), 3).tolist() == [[[-1, -1, -1], [1, -1, 1]], [[-1, 1, 1], [1, 1, 1]]]
    assert coded(np.array([2**19 + 256]), 20).tolist() == [[1 if bit in (8, 19) else -1 for bit in range(20)]]
    assert one_hot(numbers, 8).tolist() == [
        [[float(at == of) for at in range(8)] for of in row] for row in [[0, 5], [6, 7]]
    ]


def test_items_are_put_in_order() -> None:
    items = torch.arange(12.0).view(2, 3, 2)
    assert in_order(items, torch.tensor([[2, 0, 1], [1, 2, 0]])).tolist() == [
        [[4, 5], [0, 1], [2, 3]],
        [[8, 9], [10, 11], [6, 7]],
    ]
