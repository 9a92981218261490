"""Whatever the shapes, strides, gates and thresholds, NaN and infinity: a fast backend is the reference."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from lengthwise import threshold_relative_attention

Inputs = dict[str, Any]
Make = Callable[..., Inputs]
Check = Callable[..., None]

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
repeatable = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
GATES = [-1e-6, -1e-3, -0.1, -0.7, -5.0, -100.0, -1e4, -math.inf, 0.0]
PRODUCTS = [-math.inf, -5, -1, 0, 1, 4, 1e6]
geometries = st.fixed_dictionaries(
    {
        "keys": st.integers(1, 150),
        "batch": st.integers(1, 2),
        "head_dim": st.integers(1, 40),
        "seed": st.integers(0, 10_000),
    }
)


@st.composite
def cases(draw_from: st.DrawFn, draw: Make, integers: Make, dtype: torch.dtype) -> tuple[Inputs, dict[str, Any]]:
    """Inputs with exact scores, so that every dtype keeps the same keys, and the options to run them with."""
    geometry = draw_from(geometries)
    kv_heads = draw_from(st.integers(1, 2))
    heads = kv_heads * draw_from(st.integers(1, 3))
    queries = draw_from(st.one_of(st.integers(1, min(4, geometry["keys"])), st.integers(1, geometry["keys"])))
    inputs = draw(**geometry, queries=queries, heads=heads, kv_heads=kv_heads, dtype=dtype)
    inputs = integers(inputs, seed=geometry["seed"])
    shape = inputs["log_forget"].shape
    gates = torch.tensor(draw_from(st.lists(st.sampled_from(GATES), min_size=1, max_size=4)), dtype=dtype)
    inputs["log_forget"] = gates[torch.arange(shape.numel()) % len(gates)].view(shape)
    layouts = draw_from(st.lists(st.sampled_from(["dense", "transposed", "columns"]), min_size=3, max_size=3))
    for name, layout in zip(("query", "key", "value"), layouts, strict=True):
        order = {"dense": (0, 1, 2, 3), "transposed": (0, 2, 1, 3), "columns": (3, 1, 0, 2)}[layout]
        back = [order.index(i) for i in range(4)]
        inputs[name] = inputs[name].permute(order).contiguous().permute(back)
    ids = torch.arange(geometry["keys"]) // draw_from(st.sampled_from([1000, 50, 7]))
    scale = geometry["head_dim"] ** -0.5
    options = {
        "threshold": draw_from(st.sampled_from(PRODUCTS)) * scale,
        "document_ids": ids.expand(geometry["batch"], -1) if draw_from(st.booleans()) else None,
    }
    return inputs, options


@DTYPES
@repeatable
@given(data=st.data())
def test_a_fast_backend_is_the_reference(
    draw: Make, integers: Make, assert_within_budget: Check, fast: str, dtype: torch.dtype, data: st.DataObject
) -> None:
    inputs, options = data.draw(cases(draw, integers, dtype))
    assert_within_budget(inputs, fast, **options)


def attend(inputs: Inputs, backend: str, **options: Any) -> Tensor:
    arguments = {name: tensor for name, tensor in inputs.items() if name != "gradient"}
    return threshold_relative_attention(**arguments, backend=backend, **options)


def poison(data: st.DataObject, inputs: Inputs, names: list[str]) -> Any:
    """The inputs with one NaN or infinity, and where it went."""
    name = data.draw(st.sampled_from(names))
    index = tuple(data.draw(st.integers(0, size - 1)) for size in inputs[name].shape)
    bad = math.nan if name == "log_forget" else data.draw(st.sampled_from([math.nan, math.inf, -math.inf]))
    inputs = inputs | {name: inputs[name].clone()}
    inputs[name][index] = bad
    return inputs, name, index


@DTYPES
@repeatable
@given(data=st.data())
def test_nan_and_infinity_go_where_they_do_in_the_reference(
    draw: Make, integers: Make, assert_same: Check, fast: str, dtype: torch.dtype, data: st.DataObject
) -> None:
    clean, options = data.draw(cases(draw, integers, dtype))
    inputs, name, (batch, _, token, *_) = poison(data, clean, ["query", "key", "value", "log_forget"])
    options["skip_tolerance"] = 2**-24  # the same for float32 and float64: a value with less weight may stay unseen
    output = attend(inputs, fast, **options)
    exact = attend({n: x.double() for n, x in inputs.items()}, "reference", **options)
    assert torch.equal(output.isnan(), exact.isnan())
    assert_same({"output": output}, {"output": exact.to(dtype)}, inputs, **options)

    first = token - (clean["key"].shape[2] - clean["query"].shape[2]) * (name in ("key", "value"))
    unharmed = attend(clean, fast, **options)
    assert torch.equal(output[:, :, : max(first, 0)], unharmed[:, :, : max(first, 0)]), "earlier rows"
    others = torch.arange(len(output)) != batch
    assert torch.equal(output[others], unharmed[others]), "other sequences"
    if name in ("query", "log_forget"):
        assert torch.equal(output[:, :, token + 1 :], unharmed[:, :, token + 1 :]), "later rows"


@DTYPES
@repeatable
@given(data=st.data())
def test_a_broken_value_reaches_only_rows_that_give_it_weight(
    draw: Make, integers: Make, backend: str, dtype: torch.dtype, data: st.DataObject
) -> None:
    clean, options = data.draw(cases(draw, integers, dtype))
    options["skip_tolerance"] = 2**-24
    inputs, _, (batch, head, token, column) = poison(data, clean, ["value"])
    group = clean["query"].shape[1] // clean["key"].shape[1]
    one = torch.zeros_like(clean["value"])
    one[batch, head, token, column] = 1
    weight = attend(clean | {"value": one}, backend, **options)
    broken = attend(inputs, backend, **options).isnan()
    assert torch.equal(broken, weight > 2**-24)
    assert not broken[batch, : head * group].any()
    assert not broken[batch, (head + 1) * group :].any()


@repeatable
@given(data=st.data())
def test_what_a_broken_value_spoils_sends_no_gradient(
    draw: Make, run: Make, integers: Make, assert_same: Check, fast: str, data: st.DataObject
) -> None:
    clean, options = data.draw(cases(draw, integers, torch.float32))
    options["skip_tolerance"] = 2**-24
    inputs, *_ = poison(data, clean, ["value"])
    results, expected = (run(inputs, backend, **options) for backend in (fast, "reference"))
    assert all(results[name].isfinite().all() for name in ("query", "key", "value", "log_forget"))
    assert_same(results, expected, inputs, **options)


def test_nan_in_one_gate_is_nan_in_its_row_alone(draw: Make, backend: str) -> None:
    inputs = draw(100)
    inputs["log_forget"][0, 1, 70] = math.nan
    for threshold in (0.0, 1e3):  # also where no key is kept
        broken = attend(inputs, backend, threshold=threshold).isnan()
        assert broken[0, 1, 70].all()
        assert broken.sum() == 16
