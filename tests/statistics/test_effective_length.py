"""How far a metric stays up: by hand, and how often the interval holds the truth."""

import numpy as np
import pytest

from lengthwise.statistics.effective_length import Number, Share, Span, effective_length


def shares(*right: float, examples: int = 1000, seeds: int = 1) -> list[tuple[int, Share]]:
    """Shares of right examples at lengths of 8, 16, 32 and so on, equal for all seeds."""
    sizes = np.full(seeds, examples)
    return [(8 * 2**place, Share(np.round(of * sizes), sizes)) for place, of in enumerate(right)]


@pytest.mark.parametrize(
    ("at", "length"),
    [
        ((1.0, 1.0, 0.99, 0.5, 0.99), 32),  # what comes after a fall does not count
        ((1.0, 0.949), 8),
        ((0.5, 0.476, 0.474), 16),
        ((1.0, 1.0, 1.0), 32),
        ((0.3,), 8),
    ],
)
def test_the_longest_length_before_the_fall(at: tuple[float, ...], length: int) -> None:
    found = effective_length(shares(*at), level=0.95, higher_is_better=True)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.length == length
    assert found.low <= found.length <= found.high


def test_what_was_not_learnt_has_no_effective_length() -> None:
    assert effective_length(shares(0.0, 0.0), level=0.95, higher_is_better=True) is None


def test_an_error_that_is_not_known_leaves_no_interval() -> None:
    at = [(8 * 2**place, Number(np.array([value]), np.array([np.nan]))) for place, value in enumerate((3.0, 3.1, 9.0))]
    assert effective_length(at, level=0.95, higher_is_better=False) == Span(16, None, None)


def test_few_right_examples_leave_a_doubt() -> None:
    """A bootstrap of the examples themselves would have no width here."""
    assert effective_length(shares(1.0, 1.0, examples=2000), level=0.95, higher_is_better=True) == Span(16, 16, 16)
    assert effective_length(shares(1.0, 1.0, examples=8), level=0.95, higher_is_better=True) == Span(16, 8, 16)


def test_seeds_that_differ_widen_the_interval() -> None:
    sizes = np.full(4, 1000)
    at = [(8, Share(sizes, sizes)), (16, Share(sizes, sizes)), (32, Share(np.array([1000, 1000, 1000, 900]), sizes))]
    found = effective_length(at, level=0.95, higher_is_better=True)
    assert found == Span(32, 16, 32)


def test_lower_is_better() -> None:
    at = [(8, Number(np.array([2.0]), np.array([0.001])))]
    at += [(length, Number(np.array([value]), np.array([0.001]))) for length, value in ((16, 2.09), (32, 2.2))]
    assert effective_length(at, level=0.95, higher_is_better=False) == Span(16, 16, 16)
    assert effective_length(at, level=0.9, higher_is_better=False) == Span(32, 32, 32)


def test_the_interval_holds_the_truth() -> None:
    """Over made-up experiments of 5 seeds whose accuracies vary around a known curve."""
    random, truth, held = np.random.default_rng(1), np.array([1.0, 0.995, 0.96, 0.92, 0.6]), 0
    lengths = [8, 16, 32, 64, 128]
    for draw in range(100):
        chances = np.clip(truth[:, None] + random.normal(0, 0.02, (5, 5)), 0, 1)
        right = random.binomial(500, chances)
        at = [(length, Share(row, np.full(5, 500))) for length, row in zip(lengths, right, strict=True)]
        found = effective_length(at, level=0.95, higher_is_better=True, seed=draw)
        assert found is not None
        held += found.low <= 32 <= found.high
    assert held >= 90
