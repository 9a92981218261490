"""The rivals' attention by the compiled walk, held against their references in float64.

Run as a program, this file checks the instruction path that LENGTHWISE_NATIVE names, and prints its name.
"""

import math
import os
import subprocess
import sys

import pytest
import torch
from tests.ops.rivals import ATTEND, NAMES, OF_QUERIES, SKIPPING, Inputs, assert_within_budget, draw, relative_bias, run
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from lengthwise.errors import InputError
from lengthwise.ops import entmax_attention, forgetting_attention, native, stick_breaking_attention
from lengthwise.ops.entmax.problem import pose
from lengthwise.ops.entmax.walk import as_walk as entmax_as_walk
from lengthwise.ops.native import walk as native_walk
from lengthwise.ops.native.library import PATHS


def check_path() -> None:
    """Check the path that this process has chosen, on its odd sizes; memory that a kernel did not write is NaN."""
    os.environ["LENGTHWISE_POISON"] = "1"
    torch.set_num_threads(2)
    for name in NAMES:
        for dtype in (torch.float32, torch.bfloat16):
            for head_dim, keys, queries in ((1, 1, 1), (33, 130, 90), (64, 64, 64), (64, 200, 2)):
                assert_within_budget(name, draw(name, keys, queries, head_dim=head_dim, dtype=dtype))
            documents = (torch.arange(130) // 37).expand(2, -1)
            inputs = draw(name, 130, 100, dtype=dtype, larger=10)
            for options in ({}, {"skip_tolerance": 0.0}, {"document_ids": documents}, {"scale": 0.7}):
                assert_within_budget(name, inputs, **options)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("keys", "queries"), [(1, 1), (63, 63), (130, 70), (300, 3)])
def test_within_the_error_budget(needs_native: str, name: str, dtype: torch.dtype, keys: int, queries: int) -> None:
    assert_within_budget(name, draw(name, keys, queries, head_dim=24, dtype=dtype))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("larger", [1.0, 30.0])
@pytest.mark.parametrize("skip_tolerance", [None, 0.0])
def test_documents_and_large_scores(needs_native: str, name: str, larger: float, skip_tolerance: float | None) -> None:
    documents = torch.stack([torch.arange(150) // 41, torch.arange(150) // 150])
    inputs = draw(name, 150, larger=larger)
    assert_within_budget(name, inputs, document_ids=documents, skip_tolerance=skip_tolerance)
    packed = run(name, inputs, "native", document_ids=documents)["output"][:1, :, 41:82]
    alone = {each: tensor[:1, :, 41:82] for each, tensor in inputs.items() if tensor.ndim > 2}
    if "bias" in inputs:
        alone["bias"] = inputs["bias"][:, :41]
    if "knots" in inputs:
        of_curve = {each: inputs[each] for each in ("knots", "slopes", "intercepts")}
        alone |= of_curve | {"distance": inputs["distance"][:41], "length": inputs["length"][:, 41:82]}
    torch.testing.assert_close(packed, run(name, alone, "native")["output"], rtol=0, atol=2e-6 * larger)


@pytest.mark.long
@pytest.mark.parametrize("path", PATHS)
def test_every_instruction_path(needs_native: str, path: str) -> None:
    here = torch.backends.cpu.get_cpu_capability()
    if {"avx2": "AVX", "avx512": "AVX512", "portable": ""}[path] not in here:
        pytest.skip(f"{path}: this processor has {here}")
    result = subprocess.run(
        [sys.executable, __file__],
        env=os.environ | {"LENGTHWISE_NATIVE": path, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == path


@pytest.mark.parametrize("name", NAMES)
def test_any_number_of_queries_and_threads_gives_the_same_bits(needs_native: str, name: str) -> None:
    inputs = draw(name, 300)
    expected = run(name, inputs, "native")
    for queries in (1, 5, 64, 130):
        last = inputs | {each: inputs[each][:, :, -queries:] for each in OF_QUERIES & inputs.keys()}
        if "length" in inputs:
            last["length"] = inputs["length"][:, -queries:]
        assert torch.equal(run(name, last, "native")["output"], expected["output"][:, :, -queries:])
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        for each, result in run(name, inputs, "native").items():
            assert torch.equal(result, expected[each]), each
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("name", SKIPPING)
def test_far_keys_are_neither_weighed_nor_read(needs_native: str, name: str) -> None:
    """A value that no horizon reaches may be NaN; without skipping, it would show."""
    inputs = draw(name, 4000, 200)
    inputs["value"][:, :, :64] = torch.nan
    if "bias" in inputs:
        inputs["bias"] -= torch.arange(4000)
    if "knots" in inputs:
        inputs["slopes"] -= 4000
        inputs["intercepts"][:, 1:] = inputs["intercepts"][:, :1] + (
            (inputs["slopes"][:, :-1] - inputs["slopes"][:, 1:]) * inputs["knots"]
        ).cumsum(-1)
    for tolerance, seen in ((None, False), (0.0, True)):
        output = run(name, inputs, "native", skip_tolerance=tolerance)["output"]
        assert output.isnan().any() == (seen and bool(run(name, inputs, "reference")["output"].isnan().any()))


@pytest.mark.parametrize("slope", [1.0, 0.01])
def test_entmax_ends_where_a_score_is_two_below_the_highest(needs_native: str, slope: float) -> None:
    """Scores of unit vectors are between -1 and 1, so that a bias below -4 leaves no weight; -3.9 may leave some."""
    inputs = draw("entmax", 1000, 200)
    query, key, value = (torch.nn.functional.normalize(inputs[each], dim=-1) for each in ("query", "key", "value"))
    bias = (-slope * torch.arange(1000.0)).expand(4, -1)
    reach = int(4 / slope) + 64  # and the rest of a tile
    value[:, :, : 800 - reach] = torch.nan
    output = entmax_attention(query, key, value, bias, scale=1.0, backend="native")
    assert not output.isnan().any()
    near = slice(800 - min(reach, 800), None)
    nearest = query, key[:, :, near], value[:, :, near], bias[:, : 1000 - near.start]
    expected = entmax_attention(*nearest, scale=1.0, backend="reference")
    torch.testing.assert_close(output, expected, rtol=0, atol=2e-6)
    rows = native_walk.forward(entmax_as_walk(pose(query, key, value, bias, None, 1.0)))[0].rows
    assert rows[-1].max() <= reach / 64 + 1


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_value_shows_where_it_has_weight(needs_native: str, name: str) -> None:
    inputs = draw(name, 100)
    inputs["value"][0, 0, 50, 3] = torch.inf
    inputs["query"][1, 2, 70] = torch.nan
    ours, theirs = (
        run(name, inputs, backend, skip_tolerance=2.0**-24)["output"] for backend in ("native", "reference")
    )
    assert torch.equal(ours.isnan(), theirs.isnan())


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_of_gradients_and_vmap(needs_native: str, name: str) -> None:
    inputs = draw(name, 9, head_dim=4)
    del inputs["gradient"]
    leaves = [tensor.requires_grad_() for tensor in inputs.values()]

    def second(backend: str) -> tuple[Tensor, ...]:
        output = ATTEND[name](**inputs, backend=backend)
        first = torch.autograd.grad(output.square().sum(), leaves, create_graph=True)
        return torch.autograd.grad(torch.stack([of.square().sum() for of in first]).sum(), leaves)

    for ours, theirs in zip(second("native"), second("reference"), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * max(1.0, theirs.abs().max().item()))
    detached = {each: tensor.detach() for each, tensor in inputs.items()}
    mapped = torch.vmap(lambda query: ATTEND[name](**detached | {"query": query}, backend="native"))
    queries = torch.stack([detached["query"], 2 * detached["query"]])
    torch.testing.assert_close(mapped(queries)[1], ATTEND[name](**detached | {"query": queries[1]}), rtol=0, atol=1e-6)


def test_softpick_near_zero_and_far_from_it(needs_native: str) -> None:
    """Small scores lose no digits to the 1 that is subtracted, and large ones do not overflow."""
    inputs = draw("softpick", 100)
    for larger in (1e-5, 1.0, 1e3):
        scaled = inputs | {"query": larger * inputs["query"]}
        exact = run("softpick", {each: tensor.double() for each, tensor in scaled.items()}, "reference")
        for each, result in run("softpick", scaled, "native").items():
            error = (result.double() - exact[each]).abs().max() / exact[each].abs().max()
            assert error < (1e-5 if larger <= 1 else 1e-3), (larger, each, error)
    for each, result in run("softpick", inputs | {"query": torch.zeros_like(inputs["query"])}, "native").items():
        assert result.eq(0).all(), each


def test_a_sink_takes_its_share_and_gives_nothing(needs_native: str) -> None:
    inputs = draw("forgetting", 100)
    del inputs["gradient"]
    for backend in ("native", "reference"):
        plain, small, large = (
            forgetting_attention(**inputs, sink=None if sink is None else torch.full((1, 1, 1), sink), backend=backend)
            for sink in (None, -200.0, 200.0)
        )
        assert torch.equal(plain, small)
        assert large.abs().max() < 1e-30
    key = torch.cat([torch.zeros(2, 2, 1, 16), inputs["key"]], 2)
    value = torch.cat([torch.zeros(2, 2, 1, 16), inputs["value"]], 2)
    open_gates = torch.zeros(2, 4, 101)
    expected = forgetting_attention(inputs["query"], key, value, open_gates, backend="native")
    found = forgetting_attention(
        inputs["query"],
        key[:, :, 1:],
        value[:, :, 1:],
        open_gates[..., 1:],
        sink=torch.zeros(1, 1, 1),
        backend="native",
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-6)


def test_minus_infinity_hides_keys(needs_native: str) -> None:
    inputs = draw("distance-bias", 200)
    inputs["bias"][0, 3:] = -math.inf
    inputs["bias"][1, :2] = -math.inf
    ours, theirs = (run("distance-bias", inputs, backend) for backend in ("native", "reference"))
    for each, result in ours.items():
        torch.testing.assert_close(result, theirs[each], rtol=1e-4, atol=1e-4)
    assert ours["output"][:, 1, :2].eq(0).all(), "the first two queries of the second head see nothing"
    assert ours["bias"][0, 3:].eq(0).all()


def test_transposed_memory_changes_nothing(needs_native: str) -> None:
    inputs = draw("distance-bias", 70)
    documents = torch.stack([torch.arange(70) // 30, torch.arange(70) // 50])
    expected = run("distance-bias", inputs, "native", document_ids=documents)
    bias = inputs["bias"].T.contiguous().T
    found = run("distance-bias", inputs | {"bias": bias}, "native", document_ids=documents.T.contiguous().T)
    for each, result in found.items():
        assert torch.equal(result, expected[each]), each


def test_a_broken_bias_or_gate_reaches_its_rows_alone(needs_native: str) -> None:
    biased, gated = draw("distance-bias", 100), draw("forgetting", 100)
    biased["bias"][1, 1], biased["bias"][1, 50] = 200.0, torch.nan
    gated["log_forget"][0, 1, 60] = torch.nan
    for name, inputs in (("distance-bias", biased), ("forgetting", gated)):
        ours, theirs = (run(name, inputs, backend)["output"] for backend in ("native", "reference"))
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4, equal_nan=True)
        assert ours.isnan().any()
        assert not ours[:, :, :50].isnan().any()


def test_equal_gates_are_alibi(needs_native: str) -> None:
    inputs = draw("forgetting", 200, kv_heads=4)
    slopes = 2.0 ** -torch.arange(1.0, 5.0)
    distance = torch.arange(200.0)[:, None] - torch.arange(200.0)
    mask = (-slopes[:, None, None] * distance).masked_fill(distance < 0, -math.inf)
    query, key, value = (inputs[each] for each in ("query", "key", "value"))
    expected = scaled_dot_product_attention(query, key, value, mask)
    found = forgetting_attention(query, key, value, -slopes[:, None].expand(2, 4, 200), backend="native")
    torch.testing.assert_close(found, expected, rtol=0, atol=3e-6)


def test_a_million_gates_lose_no_digits(needs_native: str) -> None:
    """Sums of a million logarithms differ by small numbers at the end, which float32 could not hold."""
    keys = 1_000_000
    inputs = draw("forgetting", 50, heads=1, kv_heads=1)
    long: Inputs = {each: torch.cat([tensor[:1, :, :1].expand(-1, -1, keys, *[-1] * (tensor.ndim - 3)), tensor[:1]], 2)
            for each, tensor in inputs.items() if each in ("key", "value", "log_forget")}  # fmt: skip
    found = forgetting_attention(inputs["query"][:1], **long, backend="native")
    near: Inputs = {each: tensor[:, :, -1050:] for each, tensor in long.items()}
    torch.testing.assert_close(found, forgetting_attention(inputs["query"][:1], **near), rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"log_forget": torch.zeros(2, 4, 9)}, "one gate per key and head, here (2, 4, 10); got (2, 4, 9)"),
        ({"log_forget": torch.ones(2, 4, 10)}, "at most 0, the logarithm of a gate in (0, 1]; its largest value is 1"),
        ({"log_forget": torch.zeros(2, 4, 10, dtype=torch.long)}, "floating-point numbers; got torch.int64"),
        ({"key": torch.zeros(2, 3, 10, 16), "value": torch.zeros(2, 3, 10, 16)}, "multiple of kv_heads; got 4 and 3"),
        ({"value": torch.zeros(2, 2, 9, 16)}, "value must have the shape of key"),
        ({"sink": torch.zeros(4)}, "sink must be (batch, heads, queries), here (2, 4, 10), with 1 where all are the"),
        ({"sink": torch.zeros(1, 1, 1, dtype=torch.long)}, "sink must be floating-point numbers; got torch.int64"),
        ({"backend": "blockwise"}, "no backend called 'blockwise'; known: auto, native, reference, triton"),
        ({"scale": -1.0}, "scale must be a positive finite number; got -1.0"),
        ({"skip_tolerance": 1.0}, "fraction of the softmax mass, at least 0 and below 1; got 1.0"),
        ({"document_ids": torch.zeros(2, 9, dtype=torch.long)}, "document_ids must be (batch, keys), here (2, 10)"),
    ],
)
def test_bad_input_is_one_sentence(change: Inputs, sentence: str) -> None:
    inputs = draw("forgetting", 10)
    del inputs["gradient"]
    with pytest.raises(InputError) as caught:
        forgetting_attention(**inputs | change)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"knots": torch.zeros(7)[:, None]}, "The curve's knots must be (7,); got (7, 1)"),
        ({"slopes": torch.zeros(4, 7)}, "The curve's slopes must be (4, 8); got (4, 7)"),
        ({"length": torch.ones(3, 10)}, "The curve's length must be (2, 10); got (3, 10)"),
        ({"distance": torch.arange(10)}, "The curve's distance must be floating-point numbers; got torch.int64"),
        ({"distance": -torch.arange(10.0)}, "The curve's distance must rise"),
        ({"knots": -torch.arange(7.0)}, "The curve's knots must rise; sort them"),
        ({"length": torch.zeros(1, 10)}, "The curve's length must be positive"),
    ],
)
def test_a_bad_curve_is_one_sentence(change: Inputs, sentence: str) -> None:
    inputs = draw("relative-bias", 10)
    del inputs["gradient"]
    with pytest.raises(InputError) as caught:
        relative_bias(**inputs | change)
    assert sentence in str(caught.value)


def test_nothing_is_attended_to_by_nothing() -> None:
    inputs = draw("stick-breaking", 5)
    del inputs["gradient"]
    assert stick_breaking_attention(**inputs | {"query": inputs["query"][:, :, :0]}).shape == (2, 4, 0, 16)
    assert stick_breaking_attention(**{each: of[:, :, :1] for each, of in inputs.items()}).eq(0).all()


if __name__ == "__main__":
    check_path()
    print(native.path())
