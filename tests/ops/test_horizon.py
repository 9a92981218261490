"""The bound on all keys beyond a query's horizon (``docs/horizon.md``) against brute force, and in every backend."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from lengthwise.ops import threshold_relative_attention
from lengthwise.ops.bounds import running_key_norms
from lengthwise.ops.problem import TILE
from lengthwise.ops.reach import softmax_over, visible
from lengthwise.ops.threshold_relative import reference, visited_tiles
from lengthwise.ops.threshold_relative.horizon import is_met, largest_scores, log_rest, log_series

Inputs = dict[str, Any]
EPS = torch.finfo(torch.float64).eps
GATES = (0.0, -1e-6, -1e-3, -0.1, -0.7, -5.0, -1e4)
KEYS = 300


def a_walk(seed: int, gate: float, bound: float) -> Any:
    """Logits of a query's keys in the order of its walk, minus infinity where one is not kept; and kept keys so far."""
    generator = torch.Generator().manual_seed(seed)
    scores = bound * (2 * torch.rand(KEYS, generator=generator, dtype=torch.float64) - 1)
    kept = torch.rand(KEYS, generator=generator, dtype=torch.float64) < torch.linspace(0.1, 1, 8)[seed % 8]
    newer = kept.cumsum(0) - kept.long()
    return (scores + gate * newer.double()).masked_fill(~kept, -math.inf), newer + kept.long()


def bounds(gate: float, bound: float, counts: Any) -> Any:
    """The logarithm of the bound after each of the walk's steps."""
    log_forget, highest = (torch.tensor(x, dtype=torch.float64) for x in (gate, bound))
    left = torch.arange(KEYS - 1, -1, -1, dtype=torch.float64)
    return log_rest(highest, log_forget, counts.double(), log_series(log_forget), left)


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("bound", [0.0, 1.0, 8.0, 60.0])
def test_no_walk_finds_more_than_the_bound(gate: float, bound: float) -> None:
    for seed in range(16):
        logits, counts = a_walk(seed, gate, bound)
        found = torch.stack([logits[step + 1 :].logsumexp(0) for step in range(KEYS - 1)])
        allowed = bounds(gate, bound, counts)[:-1]
        rounding = 64 * EPS * (1 + allowed.abs())
        assert (found <= allowed + rounding).all()


@pytest.mark.parametrize("gate", GATES)
def test_the_bound_is_nearly_reached_where_all_keys_are_kept_and_score_highest(gate: float) -> None:
    """Or a bound of infinity would do as well."""
    allowed = bounds(gate, 3.0, torch.arange(1, KEYS + 1))[:-1]
    logits = 3.0 + gate * torch.arange(KEYS, dtype=torch.float64)
    found = torch.stack([logits[step + 1 :].logsumexp(0) for step in range(KEYS - 1)])
    rounding = 64 * EPS * (1 + allowed.abs())
    assert (allowed <= found - math.log(1 - 1 / math.e) + rounding).all()


@pytest.mark.parametrize("skip_tolerance", [0.3, 1e-3, 2.0**-24])
@pytest.mark.parametrize("gate", [gate for gate in GATES if gate < -1e-2])
def test_dropping_all_beyond_the_horizon_changes_the_output_by_less_than_promised(
    gate: float, skip_tolerance: float
) -> None:
    dropped = 0
    for seed in range(16):
        logits, counts = a_walk(seed, gate, 4.0)
        values = torch.randn(KEYS, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        met = is_met(bounds(gate, 4.0, counts), logits.logcumsumexp(0), skip_tolerance)
        step = int(met.int().argmax()) if met.any() else KEYS - 1
        exact = logits.softmax(0) @ values
        near = logits[: step + 1].softmax(0) @ values[: step + 1]
        spread = values.amax(0) - values.amin(0)
        rounding = 64 * EPS * values.abs().amax(0)
        assert ((near - exact).abs() <= skip_tolerance / (1 + skip_tolerance) * spread + rounding).all()
        dropped += KEYS - 1 - step
    assert dropped > KEYS


def test_a_query_that_has_kept_nothing_walks_on_and_so_does_one_with_nan() -> None:
    nothing, some = torch.tensor(-math.inf, dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64)
    for gate in GATES:
        assert not is_met(bounds(gate, 1.0, torch.zeros(KEYS)), nothing, 0.5)[:-1].any()
    for broken in (bounds(math.nan, 1.0, torch.ones(KEYS)), bounds(-0.1, math.nan, torch.ones(KEYS))):
        assert not is_met(broken, some, 0.5).any()
    assert not is_met(bounds(-5.0, 1.0, torch.full((KEYS,), 100.0)), some, 0.0)[:-1].any()


@pytest.mark.parametrize("queries", [90, 7])
def test_no_score_exceeds_the_largest(draw: Callable[..., Inputs], queries: int) -> None:
    inputs = draw(90, queries, batch=2, heads=4, kv_heads=2, dtype=torch.float64)
    query, key = inputs["query"], inputs["key"] * torch.linspace(0.1, 3, 90, dtype=torch.float64)[:, None]
    bound = largest_scores(query, key, 0.3)
    scores = 0.3 * query @ key.repeat_interleave(2, 1).mT
    scores = scores.masked_fill(~visible(queries, 90, None, query.device), -math.inf)
    assert (scores <= bound[..., None] * (1 + 64 * EPS)).all()
    known = largest_scores(query, key, 0.3, running_key_norms(key).max().item())
    assert (known >= bound * (1 - 64 * EPS)).all()
    aligned = key.repeat_interleave(2, 1)[:, :, -queries:]  # here the inequality is an equation
    torch.testing.assert_close(largest_scores(aligned, key, 0.3)[..., -1], 0.3 * aligned[:, :, -1].square().sum(-1))


def test_the_kernels_simpler_series_is_the_larger_by_less_than_a_third() -> None:
    gate = -torch.logspace(-6, 3, 1000, dtype=torch.float64)
    excess = (1 - 1 / gate) / log_series(gate).exp()
    assert (excess >= 1 - EPS).all()
    assert (excess < 4 / 3).all()
    assert excess.max() > 5 / 4


def mass_beyond(inputs: Inputs, visited: torch.Tensor) -> torch.Tensor:
    """What share of each query's softmax mass the float64 reference gives to keys that it has not visited."""
    query, key, gates = (inputs[name].double() for name in ("query", "key", "log_forget"))
    key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
    weights = softmax_over(*reference.logits_and_kept(query, key, gates, 0.0, query.shape[-1] ** -0.5))
    queries, keys = weights.shape[-2:]
    tile = torch.arange(keys - queries, keys) // TILE
    first = (tile - visited + 1) * TILE
    return (weights * (torch.arange(keys) < first[..., None])).sum(-1)


def rounding_of_the_promise(inputs: Inputs, skip_tolerance: float) -> Any:
    """The formula of ``docs/horizon.md``; the gate's part of the exponent is at most what the walk has to go down."""
    head_dim, unit = inputs["query"].shape[-1], torch.finfo(torch.float32).eps / 2
    bound = largest_scores(inputs["query"].float(), inputs["key"].float(), head_dim**-0.5).max().item()
    down = 2 * bound - math.log(skip_tolerance) + math.log(inputs["key"].shape[2])
    return math.exp(unit * (2 * (head_dim + 4) * bound + 4 * (bound + down - math.log(skip_tolerance))))


def assert_promise_is_kept(
    draw: Callable[..., Inputs], backend: str, queries: int, keys: int, dtype: torch.dtype
) -> None:
    for seed, skip_tolerance in enumerate((0.3, 1e-2, 2.0**-24)):
        inputs = draw(keys, queries, heads=4, kv_heads=2, dtype=dtype, margin=1e-5, seed=seed)
        inputs["log_forget"] = inputs["log_forget"] * torch.tensor([1.0, 0.3, 0.1, 10.0], dtype=dtype)[:, None]
        arguments = (inputs[name] for name in ("query", "key", "log_forget"))
        visited = visited_tiles(*arguments, backend=backend, skip_tolerance=skip_tolerance).cpu()
        beyond = mass_beyond(inputs, visited)
        promise = skip_tolerance / (1 + skip_tolerance) * rounding_of_the_promise(inputs, skip_tolerance)
        assert beyond.max() <= promise
        assert (visited < torch.arange(keys - queries, keys) // 64 + 1).any(), "or nothing was left out"


@pytest.mark.parametrize(
    ("fast", "dtype"),
    [("blockwise", torch.float64), *((b, d) for b in ("blockwise", "native") for d in (torch.float32, torch.bfloat16))],
    indirect=["fast"],
)
@pytest.mark.parametrize("queries", [700, 3])
def test_no_backend_leaves_out_more_than_promised(
    draw: Callable[..., Inputs], fast: str, queries: int, dtype: torch.dtype
) -> None:
    assert_promise_is_kept(draw, fast, queries, 700, dtype)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's, of what is computed and then masked
@pytest.mark.skipif(torch.cuda.is_available(), reason="tests/ops/test_triton.py looks at a GPU.")
@pytest.mark.parametrize("queries", [70, 3])
def test_triton_leaves_out_no_more_than_promised(draw: Callable[..., Inputs], triton: str, queries: int) -> None:
    assert_promise_is_kept(draw, triton, queries, 700, torch.float32)


def test_a_later_query_may_need_the_oldest_key_alone(backend: str, finest: torch.dtype) -> None:
    """So no bound over all later queries allows a cache to drop a key of threshold relative attention."""
    keys = 1000
    key = torch.zeros(1, 1, keys, 4, dtype=finest)
    key[..., 0], key[:, :, 0, 0] = -1, 1
    value = torch.zeros_like(key)
    value[:, :, 0] = 1
    query = torch.tensor([[[[1.0, 0.0, 0.0, 0.0]]]], dtype=finest)
    attended = threshold_relative_attention(
        query, key, value, torch.full((1, 1, 1), -30.0, dtype=finest), backend=backend
    )
    torch.testing.assert_close(attended, torch.ones_like(attended), rtol=0, atol=1e-6)
