"""How far back a query looks: as far as it must, no further than it has to, and as many tiles as it says."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from lengthwise import threshold_relative_attention
from lengthwise.ops.threshold_relative import visited_tiles

Inputs = dict[str, Any]
Make = Callable[..., Inputs]

EPS = torch.finfo(torch.float32).eps
OF_KEYS = ("query", "key", "log_forget")


def tiles(inputs: Inputs, backend: str, **options: Any) -> Tensor:
    return visited_tiles(*(inputs[name] for name in OF_KEYS), backend=backend, **options)


def last(inputs: Inputs, queries: int) -> Inputs:
    return inputs | {name: inputs[name][:, :, -queries:] for name in ("query", "log_forget", "gradient")}


def attend(inputs: Inputs, backend: str, **options: Any) -> Tensor:
    arguments = {name: tensor for name, tensor in inputs.items() if name != "gradient"}
    return threshold_relative_attention(**arguments, backend=backend, **options)


@pytest.mark.parametrize("skip_tolerance", [None, 1e-2])
def test_skipping_stays_within_its_tolerance_and_visits_less(
    draw: Make, run: Make, fast: str, skip_tolerance: float | None
) -> None:
    inputs = draw(2048, heads=1)
    everything, some = run(inputs, fast, skip_tolerance=0.0), run(inputs, fast, skip_tolerance=skip_tolerance)
    bound = 2 * max(skip_tolerance or 0, EPS) * inputs["value"].abs().max()
    assert (everything["output"] - some["output"]).abs().max() <= bound
    if skip_tolerance is None:
        for name in ("query", "key", "value", "log_forget"):
            torch.testing.assert_close(some[name], everything[name], rtol=0, atol=32 * EPS * everything[name].max())
    else:
        assert not torch.equal(everything["output"], some["output"])
    all_tiles = sum(row // 64 + 1 for row in range(2048))
    assert tiles(inputs, fast, skip_tolerance=0.0).sum() == all_tiles
    assert tiles(inputs, fast, skip_tolerance=skip_tolerance).sum() < all_tiles / 4


@pytest.mark.parametrize(("keys", "queries"), [(1, 1), (64, 64), (300, 300), (300, 65), (300, 3), (5000, 2)])
def test_without_skipping_every_tile_is_visited(draw: Make, backend: str, keys: int, queries: int) -> None:
    visited = tiles(draw(keys, queries, heads=4, kv_heads=2), backend, skip_tolerance=0.0)
    assert visited.shape == (1, 4, queries)
    assert not visited.is_floating_point()
    assert (visited == torch.arange(keys - queries, keys) // 64 + 1).all()


@pytest.mark.parametrize(("keys", "queries"), [(300, 300), (300, 3), (5000, 2)])
def test_the_walk_ends_where_the_document_begins(draw: Make, fast: str, keys: int, queries: int) -> None:
    start = keys - 70
    ids = (torch.arange(keys) >= start).long()[None]
    visited = tiles(draw(keys, queries), fast, document_ids=ids, skip_tolerance=0.0)
    position = torch.arange(keys - queries, keys)
    expected = position // 64 - torch.where(position >= start, start // 64, 0) + 1
    assert (visited == expected).all()


@pytest.mark.parametrize("queries", [2200, 5, 2])
@pytest.mark.parametrize("gate", [-0.7, -0.03, -1e-3, 0.0, -math.inf])
@pytest.mark.parametrize("threshold", [0.0, -math.inf])
def test_native_visits_what_blockwise_does_or_one_tile_more(
    draw: Make, needs_native: str, gate: float, queries: int, threshold: float
) -> None:
    # Both bound the keys still to come by a geometric series. Native takes 1 + 1 / x for 1 / (1 - exp(-x)), at most a
    # half more, and adds a little to the norm of the query, for the rounding of the sums.
    inputs = last(draw(2200, heads=1), queries)
    inputs["log_forget"] = torch.full_like(inputs["log_forget"], gate)
    options = {"threshold": threshold, "largest_key_norm": 4.001}
    native, blockwise = (tiles(inputs, backend, **options) for backend in (needs_native, "blockwise"))
    more, position = native - blockwise, torch.arange(2200 - queries, 2200)
    # Few queries walk ranges of 2048 keys side by side. A farther one does not know what the nearer ones found, so a
    # walk that enters it may take its whole length once more.
    another = (queries <= 4) & (blockwise > (position - 2048) // 64 + 1)
    assert (more >= 0).all()
    assert (more[~another] <= 1).all()
    assert (more[another] <= blockwise[another]).all()
    assert (more[~another] == 0).float().mean() > 0.8 or another.all()
    if gate == 0:
        assert (native == position // 64 + 1).all()
    if gate < -0.1:
        assert native.max() <= 4


def test_a_long_key_is_no_concern_of_earlier_queries(draw: Make, fast: str) -> None:
    inputs = draw(1000, heads=1)
    before = tiles(inputs, fast)[:, :, :500]
    inputs["key"][:, :, 500] *= 100
    assert torch.equal(tiles(inputs, fast)[:, :, :500], before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("queries", [1000, 3])
@pytest.mark.parametrize("norm", [4.04, 40.0])  # that of normalised keys and a little; ten times as much
def test_a_known_largest_norm_of_the_keys_changes_nothing(
    draw: Make, fast: str, norm: float, queries: int, dtype: torch.dtype
) -> None:
    inputs = last(draw(1000, heads=4, kv_heads=2, dtype=dtype), queries)
    expected, known = attend(inputs, fast), attend(inputs, fast, largest_key_norm=norm)
    torch.testing.assert_close(known, expected, rtol=0, atol=16 * torch.finfo(dtype).eps)
    assert (tiles(inputs, fast, largest_key_norm=norm) >= tiles(inputs, fast)).all()


def test_the_largest_norm_is_believed(draw: Make, fast: str) -> None:
    inputs = draw(1000, heads=1)
    inputs["key"][:, :, :500] *= 5
    inputs["log_forget"] = torch.full_like(inputs["log_forget"], -0.1)
    assert (tiles(inputs, fast, largest_key_norm=4.0) < tiles(inputs, fast)).any()
    assert (tiles(inputs, fast, largest_key_norm=0.0) <= tiles(inputs, fast, largest_key_norm=4.0)).all()
