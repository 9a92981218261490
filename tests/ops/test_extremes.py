"""Gates, scores and thresholds far from those of a fresh layer, held to the same error budget."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

Inputs = dict[str, Any]
Make = Callable[..., Inputs]
Check = Callable[..., None]

MARGIN = 1e-5
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
QUERIES = pytest.mark.parametrize("queries", [200, 4])


@DTYPES
@QUERIES
@pytest.mark.parametrize("skip_tolerance", [0.0, None])
@pytest.mark.parametrize("gate", [-1e-6, -1e-3, -0.7, -30.0, -1e4, -3e38, 0.0, -math.inf])
def test_gates_within_budget(
    draw: Make,
    assert_within_budget: Check,
    fast: str,
    gate: float,
    skip_tolerance: float | None,
    queries: int,
    dtype: torch.dtype,
) -> None:
    inputs = draw(200, queries, dtype=dtype, margin=MARGIN)
    inputs["log_forget"] = torch.full_like(inputs["log_forget"], gate)
    assert_within_budget(inputs, fast, skip_tolerance=skip_tolerance)


@DTYPES
@pytest.mark.parametrize("skip_tolerance", [0.0, None])
def test_gates_of_every_size_side_by_side(
    draw: Make, assert_within_budget: Check, fast: str, skip_tolerance: float | None, dtype: torch.dtype
) -> None:
    inputs = draw(300, dtype=dtype, margin=MARGIN)
    gates = torch.tensor([0.0, -1e-6, -1e-3, -0.1, -0.7, -30.0, -math.inf], dtype=dtype)
    inputs["log_forget"] = gates[torch.arange(600).view(1, 2, 300) * 5 % 7]
    assert_within_budget(inputs, fast, skip_tolerance=skip_tolerance)


@QUERIES
@pytest.mark.parametrize("dtype_of_gates", [torch.float32, torch.bfloat16])
def test_gates_of_their_own_dtype(
    draw: Make, run: Make, assert_within_budget: Check, fast: str, dtype_of_gates: torch.dtype, queries: int
) -> None:
    inputs = draw(200, queries, dtype=torch.bfloat16, margin=MARGIN)
    inputs["log_forget"] = (inputs["log_forget"].double() / 3).to(dtype_of_gates)
    assert_within_budget(inputs, fast)
    assert run(inputs, fast)["log_forget"].dtype == dtype_of_gates


def enlarge(inputs: Inputs, factor: float, rows: dict[str, slice]) -> Inputs:
    """Queries and keys that are that much longer, at some of the positions only."""
    inputs = inputs | {name: inputs[name].clone() for name in ("query", "key")}
    inputs["query"][:, :, rows["query"]] *= factor
    inputs["key"][:, :, rows["key"]] *= factor
    return inputs


EVERY = slice(None)
ROWS = {
    "all": {"query": EVERY, "key": EVERY},
    "some-queries": {"query": slice(1, None, 3), "key": slice(0, None, 5)},
    "one-key": {"query": EVERY, "key": slice(120, 121)},
    "older-keys": {"query": EVERY, "key": slice(None, 100)},
    "newer-keys": {"query": slice(-70, None), "key": slice(150, None)},
}


@DTYPES
@QUERIES
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize(("factor", "gate"), [(5, None), (20, None), (20, -1e-3)])
def test_scores_too_large_for_a_plain_exponential(
    draw: Make,
    assert_within_budget: Check,
    fast: str,
    factor: int,
    gate: float | None,
    rows: dict[str, slice],
    queries: int,
    dtype: torch.dtype,
) -> None:
    inputs = draw(200, queries, heads=4, kv_heads=2, dtype=dtype, margin=MARGIN)
    inputs = enlarge(inputs, factor, rows if queries == 200 else rows | {"query": EVERY})
    if gate is not None:
        inputs["log_forget"] = torch.full_like(inputs["log_forget"], gate)
    scores = inputs["query"].double() @ inputs["key"].double().mT.repeat_interleave(2, dim=1) / 4
    assert scores.max() > {5: 25, 20: 200}[factor]
    assert_within_budget(inputs, fast)
    assert_within_budget(inputs, fast, skip_tolerance=0.0, threshold=-1e9)


@pytest.mark.parametrize("factor", [5, 20])
def test_rows_with_large_scores_leave_their_neighbours_alone(draw: Make, run: Make, fast: str, factor: float) -> None:
    inputs = draw(200)
    large = enlarge(inputs, factor, {"query": slice(3, None, 7), "key": slice(0, 0)})
    before, after = run(inputs, fast)["output"], run(large, fast)["output"]
    enlarged = torch.zeros(200, dtype=torch.bool)
    enlarged[3::7] = True
    # On a GPU the rows of a tile end their walk together.
    atol = 16 * torch.finfo(torch.float32).eps * inputs["value"].abs().max().item() if fast == "triton" else 0
    torch.testing.assert_close(before[:, :, ~enlarged], after[:, :, ~enlarged], rtol=0, atol=atol)
    assert not torch.equal(before[:, :, enlarged], after[:, :, enlarged])


@DTYPES
@QUERIES
@pytest.mark.parametrize("skip_tolerance", [0.0, None])
@pytest.mark.parametrize("threshold", [-math.inf, -1e9, -3.0, -0.1, 0.1, 1.5, 3.0, 1e9])
def test_thresholds_within_budget(
    draw: Make,
    assert_within_budget: Check,
    fast: str,
    threshold: float,
    skip_tolerance: float | None,
    queries: int,
    dtype: torch.dtype,
) -> None:
    inputs = draw(200, queries, dtype=dtype, threshold=threshold, margin=MARGIN)
    inputs["log_forget"] = inputs["log_forget"] / 50
    assert_within_budget(inputs, fast, threshold=threshold, skip_tolerance=skip_tolerance)


@QUERIES
@pytest.mark.parametrize("threshold", [-math.inf, -1e9])
def test_far_below_every_score_nothing_is_dropped(
    draw: Make, run: Make, fast: str, threshold: float, queries: int
) -> None:
    inputs = draw(200, queries, heads=1)
    inputs["value"] = torch.ones_like(inputs["value"])
    inputs["log_forget"] = torch.zeros_like(inputs["log_forget"])
    inputs["key"] = torch.zeros_like(inputs["key"])  # every score is 0, every weight one in so many
    inputs["value"][:, :, 0] = 2
    output = run(inputs, fast, threshold=threshold)["output"]
    seen = torch.arange(201 - queries, 201, dtype=output.dtype)
    torch.testing.assert_close(output, (1 + 1 / seen)[:, None].expand_as(output))
