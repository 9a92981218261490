"""One score in every place, and a threshold one bit above or below it: the same decision everywhere, or it shows."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from lengthwise import threshold_relative_attention

Inputs = dict[str, Any]
Make = Callable[..., Inputs]

GEOMETRIES = pytest.mark.parametrize(
    ("head_dim", "dtype"), [(16, torch.float32), (33, torch.float32), (64, torch.float32), (64, torch.bfloat16)]
)
EPS = torch.finfo(torch.float32).eps


def attend(query: Tensor, key: Tensor, value: Tensor, backend: str, threshold: float) -> Tensor:
    """Without gates and skipping, so that every kept key weighs the same."""
    return threshold_relative_attention(
        query,
        key,
        value,
        query.new_zeros(query.shape[:3]),
        threshold=threshold,
        scale=1.0,
        backend=backend,
        skip_tolerance=0.0,
    )


def score_of(query: Tensor, key: Tensor, backend: str) -> Tensor:
    """The backend's own float32 score of one query and one key: the smallest threshold that drops it."""
    query, key = query.view(1, 1, 1, -1), key.view(1, 1, 1, -1)
    near = (query.double() * key.double()).sum().float().view(torch.int32)  # its bits, in the order of the numbers
    kept, dropped = -64, 64
    while dropped - kept > 1:
        middle = (kept + dropped) // 2
        threshold = (near + middle).view(torch.float32).item()
        if (attend(query, key, torch.ones_like(key), backend, threshold) == 0).all():
            dropped = middle
        else:
            kept = middle
    assert -64 < kept < 63, "the backend's score is near the right one"
    return (near + dropped).view(torch.float32)


@pytest.fixture
def one_score(draw: Make) -> Callable[..., Any]:
    """A query and a key, each over and over, values of their own, and the two thresholds next to the score."""

    def prepare(
        keys: int, head_dim: int, dtype: torch.dtype, backend: str
    ) -> tuple[Tensor, Tensor, Tensor, dict[str, float]]:
        inputs = draw(keys, 1, heads=1, head_dim=head_dim, dtype=dtype)
        query, key = inputs["query"], inputs["key"][:, :, :1]
        key = key * (query * key).sum().sign()  # so that the order of the scores is that of their bits
        score = score_of(query, key, backend)
        thresholds = {"kept": score.nextafter(torch.full_like(score, -torch.inf)).item(), "dropped": score.item()}
        return query.repeat(1, 1, keys, 1), key.repeat(1, 1, keys, 1), inputs["value"], thresholds

    return prepare


def means(value: Tensor, queries: int) -> Tensor:
    """What the last queries see when every key is kept."""
    keys = value.shape[2]
    return (value.double().cumsum(2) / (1 + torch.arange(keys))[:, None])[:, :, keys - queries :]


def assert_all_kept(output: Tensor, value: Tensor) -> None:
    """One key more or less moves a mean of n by a part of 1 / n, far more than summing in float32 and rounding do."""
    torch.testing.assert_close(
        output.double(),
        means(value, output.shape[2]),
        rtol=torch.finfo(output.dtype).eps / 2,
        atol=16 * EPS * means(value.abs(), output.shape[2]).max().item(),
    )


@GEOMETRIES
def test_every_query_and_key_of_a_prefill(
    one_score: Callable[..., Any], fast: str, head_dim: int, dtype: torch.dtype
) -> None:
    query, key, value, thresholds = one_score(333, head_dim, dtype, fast)
    assert_all_kept(attend(query, key, value, fast, thresholds["kept"]), value)
    assert (attend(query, key, value, fast, thresholds["dropped"]) == 0).all()


@GEOMETRIES
@pytest.mark.parametrize(("keys", "queries"), [(1, 1), (65, 2), (333, 17), (2048, 3), *((5000, q) for q in (1, 4, 5))])
def test_every_key_of_a_chunk(
    one_score: Callable[..., Any], fast: str, keys: int, queries: int, head_dim: int, dtype: torch.dtype
) -> None:
    query, key, value, thresholds = one_score(keys, head_dim, dtype, fast)
    query = query[:, :, :queries]
    assert_all_kept(attend(query, key, value, fast, thresholds["kept"]), value)
    assert (attend(query, key, value, fast, thresholds["dropped"]) == 0).all()


@GEOMETRIES
@pytest.mark.parametrize("queries", [3, 40, 333])
def test_the_backward_pass_decides_as_the_forward_pass(
    one_score: Callable[..., Any], fast: str, queries: int, head_dim: int, dtype: torch.dtype
) -> None:
    query, key, value, thresholds = one_score(333, head_dim, dtype, fast)
    query, value = query[:, :, :queries], value.requires_grad_()
    attend(query, key, value, fast, thresholds["kept"]).sum().backward()
    shares = 1 / torch.arange(334 - queries, 334).double()  # of a query in each key it sees
    position, own = torch.arange(333), torch.arange(333 - queries, 333)
    expected = (shares * (own >= position[:, None])).sum(-1)
    # A share is the exponential of the score less the logarithm of a sum: rounding those moves it by as many units.
    largest = 2 * abs(thresholds["dropped"]) + math.log(333)
    torch.testing.assert_close(
        value.grad[0, 0].double(),
        expected[:, None].expand(-1, head_dim),
        rtol=EPS * largest + torch.finfo(dtype).eps / 2,
        atol=0,
    )
    value.grad = None
    attend(query, key, value, fast, thresholds["dropped"]).sum().backward()
    assert (value.grad == 0).all()
