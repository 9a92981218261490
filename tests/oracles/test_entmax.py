"""Entmax against its authors' package."""

import pytest
import torch
from torch import Tensor

from lengthwise.ops.rowwise import entmax

oracle = pytest.importorskip("entmax", reason="needs the package entmax, which `make oracles` installs")


def same(scores: Tensor) -> None:
    """Weights, and how any function of them changes with the scores."""
    generator = torch.Generator().manual_seed(1)
    upstream = torch.randn(scores.shape, generator=generator, dtype=torch.float64).to(scores.dtype)
    ours, theirs = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    weights, expected = entmax(ours), oracle.entmax15(theirs, dim=-1)
    weights.backward(upstream)
    expected.backward(upstream)
    rounding = 32 * torch.finfo(scores.dtype).eps
    highest = expected.detach().amax(-1, keepdim=True)
    torch.testing.assert_close(weights / highest, expected / highest, rtol=0, atol=rounding)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=rounding)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("keys", [1, 2, 3, 17, 128, 2000])
@pytest.mark.parametrize("spread", [1e-3, 0.3, 1.0, 10.0, 1e4])
def test_random_rows(keys: int, spread: float, dtype: torch.dtype) -> None:
    same((torch.randn(50, keys, generator=torch.Generator().manual_seed(keys)) * spread).to(dtype))


@pytest.mark.parametrize("alpha", [1.05, 1.25, 1.75, 2.0])
@pytest.mark.parametrize("keys", [1, 2, 17, 2000])
@pytest.mark.parametrize("spread", [1e-3, 1.0, 10.0])
def test_any_alpha(keys: int, spread: float, alpha: float) -> None:
    """In float64, to half of its digits: bisection and Newton's method round differently."""
    scores = torch.randn(50, keys, generator=torch.Generator().manual_seed(keys), dtype=torch.float64) * spread
    upstream = torch.randn(scores.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ours, theirs = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    weights, expected = entmax(ours, alpha), oracle.entmax_bisect(theirs, alpha=alpha, dim=-1, n_iter=100)
    weights.backward(upstream)
    expected.backward(upstream)
    rounding = torch.finfo(torch.float64).eps ** 0.5
    torch.testing.assert_close(weights, expected, rtol=rounding, atol=rounding)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=rounding, atol=rounding)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("levels", [1, 2, 5])
def test_ties(levels: int, dtype: torch.dtype) -> None:
    """Scores of few different values, some of them exactly at the threshold: 2 below the highest alone."""
    scores = torch.randint(levels, (200, 9), generator=torch.Generator().manual_seed(levels)).to(dtype)
    same(scores)
    same(scores / 4)
    same(torch.tensor([[0, -2, -2, -5], [0, 0, -1, -2], [3, 3, 3, 3]], dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_scores(dtype: torch.dtype) -> None:
    """Far apart, far from 0, and as large as the number format has them."""
    largest = torch.finfo(dtype).max / 4
    same(torch.tensor([[1e6, 1e6 - 1, -1e6, 0], [-1e6, -1e6, -1e6 - 1, -1e6 + 1]], dtype=dtype))
    same(torch.tensor([[largest, 0, 0, -largest], [-largest, -largest, -largest, -largest]], dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_hidden_keys(dtype: torch.dtype) -> None:
    """Minus infinity above the diagonal, as causal attention has it."""
    scores = torch.randn(4, 60, 60, generator=torch.Generator().manual_seed(0)).to(dtype) * 2
    same(scores.masked_fill(torch.ones(60, 60).triu(1).bool(), -torch.inf))
