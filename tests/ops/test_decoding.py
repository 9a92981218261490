"""Few queries against many keys, on both sides of every border: a tile of 64 keys, a range of 2048, five queries."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

Inputs = dict[str, Any]
Make = Callable[..., Inputs]
Check = Callable[..., None]

MARGIN = 1e-5
SIZES = [
    (queries, keys) for queries in range(1, 6) for keys in (1, 63, 64, 65, 2047, 2048, 2049, 5000) if queries <= keys
]
SLOW = torch.tensor([0.0, -1e-4, -1e-3, -0.7])
"""A gate per head, so that a query reaches over several ranges."""


def mixed(draw: Make, keys: int, queries: int, dtype: torch.dtype = torch.float32, **geometry: Any) -> Inputs:
    inputs = draw(keys, queries, heads=4, kv_heads=2, dtype=dtype, **{"margin": MARGIN} | geometry)
    inputs["log_forget"] = (SLOW[:, None] * (1 + torch.arange(queries))).to(dtype).expand(inputs["query"].shape[:3])
    return inputs


def starts_at(keys: int, *starts: int) -> Tensor:
    return (torch.arange(keys)[:, None] >= torch.tensor(starts)).sum(-1)


@pytest.mark.parametrize(("queries", "keys"), SIZES)
def test_within_budget(draw: Make, assert_within_budget: Check, fast: str, queries: int, keys: int) -> None:
    inputs = mixed(draw, keys, queries)
    assert_within_budget(inputs, fast)
    assert_within_budget(inputs, fast, skip_tolerance=0.0)
    assert_within_budget(inputs, fast, document_ids=starts_at(keys, keys // 3, keys - 2)[None])


@pytest.mark.parametrize(("queries", "keys"), [(1, 65), (4, 2049), (1, 5000)])
@pytest.mark.parametrize("factor", [1, 20])
def test_bfloat16_and_large_scores_within_budget(
    draw: Make, assert_within_budget: Check, fast: str, queries: int, keys: int, factor: float
) -> None:
    for dtype in (torch.float32, torch.bfloat16):
        inputs = mixed(draw, keys, queries, dtype)
        inputs["query"], inputs["key"] = inputs["query"] * factor, inputs["key"] * factor
        assert_within_budget(inputs, fast)
        assert_within_budget(inputs, fast, skip_tolerance=0.0, threshold=-1e9)


@pytest.mark.parametrize("queries", [1, 3])
def test_documents_that_begin_and_come_back_in_another_range(
    draw: Make, assert_within_budget: Check, fast: str, queries: int
) -> None:
    inputs = mixed(draw, 5000, queries, batch=3)
    ids = torch.stack([starts_at(5000, 2048, 4096), torch.arange(5000) % 3, starts_at(5000, 4999)])
    assert_within_budget(inputs, fast, document_ids=ids)
    assert_within_budget(inputs, fast, document_ids=ids, skip_tolerance=0.0)


@pytest.mark.parametrize("queries", [1, 4])
def test_a_heavy_key_in_the_farthest_range(draw: Make, assert_within_budget: Check, fast: str, queries: int) -> None:
    inputs = mixed(draw, 5000, queries)
    inputs["log_forget"] = torch.full_like(inputs["log_forget"], -1e-5)
    inputs["key"][:, :, 7] = 30 * inputs["query"][:, ::2, 0]
    assert_within_budget(inputs, fast)
    assert_within_budget(inputs, fast, skip_tolerance=0.0)


def test_keys_kept_in_the_farthest_range_alone(draw: Make, assert_within_budget: Check, fast: str) -> None:
    inputs = mixed(draw, 5000, 2)
    inputs["key"][:, :, 100:] = 0  # no score above the threshold
    inputs["value"][:, :, 100:] = 1e6
    assert_within_budget(inputs, fast)


def test_a_decoding_step_is_the_last_row_of_the_whole(draw: Make, run: Make, assert_same: Check, fast: str) -> None:
    inputs = mixed(draw, 2500, 2500, margin=0.0)
    last = inputs | {name: inputs[name][:, :, -3:] for name in ("query", "log_forget", "gradient")}
    whole = run(inputs, fast, skip_tolerance=0.0)["output"][:, :, -3:]
    step = {"output": run(last, fast, skip_tolerance=0.0)["output"]}
    assert_same(step, {"output": whole}, last)
