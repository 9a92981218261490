"""The rivals' attention by the walk in Triton, in Triton's interpreter where there is no GPU.

The interpreter is slow, so the cases are few and small. ``test_triton.py`` compiles the same kernels for GPUs.
"""

import math
from typing import Any

import pytest
import torch
from tests.ops.rivals import Inputs, assert_within_budget, draw, run

from lengthwise.ops.walk import Rule, Walk

NAMES = (
    "forgetting", "forgetting-with-sink", "distance-bias", "distance-bias-with-sink", "stick-breaking", "sigmoid",
    "softpick",
)  # fmt: skip
pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # numpy's, of what is computed and then masked
    pytest.mark.usefixtures("triton"),
]
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
ALL = pytest.mark.parametrize("name", NAMES)


def inputs_of(name: str, keys: int, queries: int | None = None, **options: Any) -> Inputs:
    sizes = {"heads": 2, "kv_heads": 1} | options
    return {each: tensor.to(DEVICE) for each, tensor in draw(name, keys, queries, **sizes).items()}


def check(name: str, inputs: Inputs, **options: Any) -> None:
    assert_within_budget(name, inputs, "triton", **options)


@ALL
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=lambda of: str(of)[6:])
def test_within_the_error_budget(name: str, dtype: torch.dtype) -> None:
    check(name, inputs_of(name, 90, 70, head_dim=24, dtype=dtype))


@ALL
@pytest.mark.parametrize("sizes", [(1, 1), (65, 3)], ids=str)
def test_odd_sizes(name: str, sizes: tuple[int, int]) -> None:
    check(name, inputs_of(name, *sizes, heads=1, head_dim=1 if sizes == (1, 1) else 33))


@ALL
def test_documents_and_large_scores(name: str) -> None:
    """The second document of the second sequence comes back after a while."""
    documents = torch.stack([torch.arange(100) // 41, torch.arange(100) // 7 % 3]).to(DEVICE)
    check(name, inputs_of(name, 100, 80, heads=1, dtype=torch.float16, larger=30.0), document_ids=documents)


@pytest.mark.parametrize("name", NAMES[:5])
def test_far_keys_are_neither_weighed_nor_read(name: str) -> None:
    """A value that no horizon reaches may be NaN; without skipping, it shows as in the reference."""
    inputs = inputs_of(name, 700, 40, heads=1)
    inputs["value"][:, :, :32] = torch.nan
    if "bias" in inputs:
        inputs["bias"] -= torch.arange(700, device=DEVICE)
    assert not run(name, inputs, "triton")["output"].isnan().any()
    everything = run(name, inputs, "triton", skip_tolerance=0.0)["output"]
    assert torch.equal(everything.isnan(), run(name, inputs, "reference", skip_tolerance=0.0)["output"].isnan())


@ALL
def test_broken_numbers_show_where_they_belong(name: str) -> None:
    inputs = inputs_of(name, 100)
    inputs["value"][0, 0, 50, 3] = torch.inf
    inputs["query"][1, 1, 70] = torch.nan
    ours, theirs = (run(name, inputs, backend) for backend in ("triton", "reference"))
    assert torch.equal(ours["output"].isnan(), theirs["output"].isnan())
    clean = {each: ours[each][:1].isfinite() for each in ("query", "key", "value")}
    assert all(of.all() for of in clean.values()), "an output that is NaN passes no gradient on"


def test_minus_infinity_hides_keys() -> None:
    inputs = inputs_of("distance-bias", 100)
    inputs["bias"][0, 3:] = -math.inf
    inputs["bias"][1, :2] = -math.inf
    check("distance-bias", inputs)
    assert run("distance-bias", inputs, "triton")["output"][:, 1, :2].eq(0).all()


def test_a_gate_above_one_makes_later_rows_nan() -> None:
    inputs = inputs_of("forgetting", 70)
    inputs["log_forget"][0, 1, 50] = 0.1
    rows = run("forgetting", inputs, "triton")["output"].isnan()
    assert rows[0, 1, 50:].all()
    assert rows.sum() == rows[0, 1, 50:].numel()


def test_harsh_gates_cancel_nothing() -> None:
    """A sum of a million is subtracted from another one, and what remains is a small number."""
    inputs = inputs_of("forgetting", 100)
    inputs["log_forget"][..., ::9] = -1e4
    check("forgetting", inputs)


def test_softpick_near_zero_and_far_from_it() -> None:
    inputs = inputs_of("softpick", 70)
    for larger in (1e-5, 1e3):
        scaled = inputs | {"query": larger * inputs["query"]}
        exact = run("softpick", {each: tensor.double() for each, tensor in scaled.items()}, "reference")
        for each, result in run("softpick", scaled, "triton").items():
            error = (result.double() - exact[each]).abs().max() / exact[each].abs().max()
            assert error < (1e-5 if larger <= 1 else 1e-3), (larger, each, error)


@pytest.mark.parametrize("name", ["forgetting", "stick-breaking"])
def test_bands_of_rows_give_the_same_gradients(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if memory allowed only one tile of rows at a time, whose states are looked up."""
    from lengthwise.ops.triton import launch

    inputs = inputs_of(name, 150, 140, heads=1)
    expected = run(name, inputs, "triton")
    monkeypatch.setattr(launch, "STATES", 1)
    for each, result in run(name, inputs, "triton").items():
        torch.testing.assert_close(result, expected[each], rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", ["distance-bias", "stick-breaking"])
def test_in_any_run_the_same_bits(name: str) -> None:
    inputs = inputs_of(name, 100)
    first, second = (run(name, inputs, "triton") for _ in range(2))
    assert all(torch.equal(result, second[each]) for each, result in first.items())


@pytest.mark.parametrize(
    ("rule", "besides"),
    [
        (Rule.FORGETTING, ("forgotten", "sink")),
        (Rule.DISTANCE_BIAS, ("bias", "sink")),
        (Rule.STICK_BREAKING, ()),
        (Rule.SIGMOID, ("offset",)),
        (Rule.SOFTPICK, ()),
    ],
)
def test_nothing_is_read_back_from_the_device(
    monkeypatch: pytest.MonkeyPatch, rule: Rule, besides: tuple[str, ...]
) -> None:
    """On the meta device there is nothing to read: whoever asks for a number fails."""
    from lengthwise.ops.triton import launch

    launched: list[Any] = []
    monkeypatch.setattr(launch, "run", lambda kernel, *_: launched.append(kernel))
    query = torch.empty(2, 4, 40, 16, dtype=torch.float32, device="meta")
    key, ids = query[:, :2], torch.empty(2, 40, dtype=torch.long, device="meta")
    numbers: dict[str, Any] = dict.fromkeys(besides, query[..., 0])
    walk = Walk(rule, query, key, key, ids, 0.25, 1e-7, **numbers)
    gradients = launch.backward(walk, launch.forward(walk), query)
    assert [of.shape for of in gradients] == [query.shape, key.shape, key.shape, *[query.shape[:3]] * len(besides)]
    assert len(launched) == 4 + (rule == Rule.DISTANCE_BIAS)
