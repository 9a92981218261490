"""The Triton kernels in Triton's interpreter, where there is no GPU, and compiled for GPUs that need not be there.

The interpreter takes a third of a second for a tile, so the cases are few and small. On a machine with a GPU the other
tests of this folder run the kernels themselves (``make test-gpu``).
"""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lengthwise import threshold_relative_attention
from lengthwise.attention import Attention
from lengthwise.errors import InputError
from lengthwise.ops.threshold_relative import visited_tiles
from lengthwise.ops.threshold_relative.problem import Problem

Inputs = dict[str, Any]
Make = Callable[..., Inputs]
Check = Callable[..., None]

MARGIN = 1e-5
EPS = torch.finfo(torch.float32).eps
ARGUMENTS = ("query", "key", "value", "log_forget")
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's, of what is computed and then masked
NEEDS_A_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="What a GPU alone does needs one.")
HALVES = [torch.bfloat16, torch.float16]
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, *HALVES], ids=lambda dtype: str(dtype)[6:])


FORMS = ("forgetting", "distance", "stick", "sigmoid", "softpick")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def attend(inputs: Inputs, **options: Any) -> Tensor:
    tensors = {n: inputs[n].to(DEVICE) for n in ARGUMENTS}
    return threshold_relative_attention(**tensors, backend="triton", **options).cpu()


def tiles(inputs: Inputs, backend: str = "triton", **options: Any) -> Tensor:
    device = DEVICE if backend == "triton" else "cpu"
    tensors = [inputs[name].to(device) for name in ("query", "key", "log_forget")]
    return visited_tiles(*tensors, backend=backend, **options).cpu()


def documents(keys: int, *starts: int) -> Tensor:
    return (torch.arange(keys)[:, None] >= torch.tensor([0, *starts])).sum(-1)


GEOMETRY = [
    {"keys": 1},
    {"keys": 130, "heads": 1},
    {"keys": 65, "heads": 4, "kv_heads": 2},
    {"keys": 150, "queries": 70, "batch": 2, "heads": 1},
    {"keys": 200, "queries": 3, "heads": 6, "kv_heads": 2},
    {"keys": 900, "queries": 1, "heads": 2, "kv_heads": 1},
    *({"keys": 70, "heads": 1, "head_dim": head_dim} for head_dim in (1, 33, 64, 256)),
]


@DTYPES
@pytest.mark.parametrize("geometry", GEOMETRY, ids=lambda g: ",".join(f"{k}={v}" for k, v in g.items()))
def test_within_budget(
    draw: Make, assert_within_budget: Check, triton: str, geometry: dict[str, int], dtype: torch.dtype
) -> None:
    assert_within_budget(draw(**geometry, dtype=dtype, margin=MARGIN), triton)


@pytest.mark.parametrize("threshold", [-math.inf, -0.5, 0.7, 1e9])
@pytest.mark.parametrize("queries", [100, 3])
def test_thresholds_within_budget(
    draw: Make, assert_within_budget: Check, triton: str, threshold: float, queries: int
) -> None:
    inputs = draw(100, queries, heads=1, threshold=threshold, margin=MARGIN)
    assert_within_budget(inputs, triton, threshold=threshold)


@pytest.mark.parametrize("queries", [140, 70, 3])
@pytest.mark.parametrize("starts", [(30, 100, 139), (1, 64, 65)])
def test_documents_within_budget(
    draw: Make, assert_within_budget: Check, triton: str, queries: int, starts: tuple[int, ...]
) -> None:
    inputs = draw(140, queries, batch=2, heads=1, dtype=torch.bfloat16, margin=MARGIN)
    ids = torch.stack([documents(140, *starts), torch.arange(140) // 7 % 3])  # the second come back after a while
    assert_within_budget(inputs, triton, document_ids=ids)


@DTYPES
@pytest.mark.parametrize("product", [0, 1, 6])
@pytest.mark.parametrize("queries", [100, 2])
def test_integers_that_hit_the_threshold(
    draw: Make, integers: Make, assert_within_budget: Check, triton: str, product: int, queries: int, dtype: torch.dtype
) -> None:
    inputs = integers(draw(100, queries, heads=1, head_dim=33, dtype=dtype))
    assert (inputs["query"].double() @ inputs["key"].double().mT == product).any()
    assert_within_budget(inputs, triton, threshold=product * 0.3, scale=0.3)


@DTYPES
@pytest.mark.parametrize("queries", [100, 3])
@pytest.mark.parametrize("factor", [5, 20])
def test_scores_too_large_for_a_plain_exponential(
    draw: Make, assert_within_budget: Check, triton: str, factor: float, queries: int, dtype: torch.dtype
) -> None:
    inputs = draw(100, queries, heads=1, dtype=dtype, margin=MARGIN)
    inputs["query"], inputs["key"] = factor * inputs["query"], inputs["key"] * factor
    inputs["log_forget"] = inputs["log_forget"] / 100
    assert_within_budget(inputs, triton)


@pytest.mark.parametrize("queries", [130, 3])
def test_gates_of_every_size_side_by_side(draw: Make, assert_within_budget: Check, triton: str, queries: int) -> None:
    inputs = draw(130, queries, heads=1, margin=MARGIN)
    gates = torch.tensor([0.0, -1e-6, -1e-3, -0.1, -0.7, -30.0, -math.inf], dtype=torch.float32)
    inputs["log_forget"] = gates[torch.arange(queries).view(1, 1, -1) * 5 % 7]
    for skip_tolerance in (None, 0.0):
        assert_within_budget(inputs, triton, skip_tolerance=skip_tolerance)


@pytest.mark.parametrize("layout", ["transposed", "columns", "expanded"])
@pytest.mark.parametrize("queries", [70, 3])
def test_any_layout_in_memory_within_budget(
    draw: Make, assert_within_budget: Check, triton: str, queries: int, layout: str
) -> None:
    inputs = draw(70, queries, batch=2, heads=2, dtype=torch.bfloat16, margin=MARGIN)
    lay_out = {
        "transposed": lambda x: x.transpose(1, 2).contiguous().transpose(1, 2),
        "columns": lambda x: x.movedim(-1, 0).contiguous().movedim(0, -1),
        "expanded": lambda x: x[:1, :1].expand(x.shape),
    }[layout]
    assert_within_budget({name: lay_out(x) for name, x in inputs.items()}, triton)


@pytest.mark.parametrize("exact", [True, pytest.param(False, marks=NEEDS_A_GPU)], ids=["exact", "rounded"])
@pytest.mark.parametrize("sizes", [(130, 1), (129, 2), (100, 31), (64, 67)])
def test_chunks_keep_the_same_keys(draw: Make, integers: Make, triton: str, sizes: Any, exact: bool) -> None:
    """The threshold is a score that occurs, to the last bit: whoever rounds otherwise keeps another key.

    The interpreter multiplies with NumPy, whose order of summation depends on the shape and on the processor. There the
    scores are small integers, which no order changes; that the kernels' own products round alike shows on a GPU alone.
    """
    inputs = draw(131, heads=1, head_dim=33)
    if exact:
        inputs = integers(inputs)
    scores = inputs["query"][0, 0].float() @ inputs["key"][0, 0].float().mT
    inputs["log_forget"] = torch.zeros_like(inputs["log_forget"])
    bound = 16 * EPS * inputs["value"].abs().max().item()
    for row, column in ((130, 7), (129, 65), (130, 128)):
        options = {"threshold": scores[row, column].item() * 0.25, "scale": 0.25, "skip_tolerance": 0.0}
        parts = []
        for start, end in pairwise((0, sizes[0], 131)):
            of_queries = {name: inputs[name][:, :, start:end] for name in ("query", "log_forget")}
            parts.append(attend({name: inputs[name][:, :, :end] for name in ("key", "value")} | of_queries, **options))
        torch.testing.assert_close(torch.cat(parts, 2), attend(inputs, **options), rtol=0, atol=bound)


@pytest.mark.parametrize("changed", [63, 100])
def test_later_tokens_change_nothing_but_rounding(draw: Make, triton: str, changed: int) -> None:
    """They do change that: rows of a tile end their walk together, and large scores are done with more care."""
    inputs, others = draw(150), draw(150, seed=1)
    later = {n: torch.cat([inputs[n][:, :, :changed], 9 * others[n][:, :, changed:]], 2) for n in ARGUMENTS}
    bound = 16 * EPS * inputs["value"].abs().max().item()
    torch.testing.assert_close(attend(later)[:, :, :changed], attend(inputs)[:, :, :changed], rtol=0, atol=bound)


def test_skipping_stays_within_its_tolerance_and_visits_less(draw: Make, triton: str) -> None:
    inputs = draw(1000, 64, heads=1)
    bound = 4 * EPS * inputs["value"].abs().max()
    assert (attend(inputs) - attend(inputs, skip_tolerance=0.0)).abs().max() <= bound
    assert (tiles(inputs, skip_tolerance=0.0) == torch.arange(936, 1000) // 64 + 1).all()
    rows = tiles(inputs, backend="blockwise")  # there each row ends by itself, here the last of a tile of them
    assert (tiles(inputs) >= rows).all()
    assert tiles(inputs).max() <= rows.max() + 1


@pytest.mark.long
def test_decoding_reads_no_more_than_the_horizon_asks_for(
    draw: Make, triton: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest range alone, the first ones, or all: here each is one tile, so that the interpreter ends soon."""
    from lengthwise.ops.threshold_relative.triton import launch

    monkeypatch.setattr(launch, "RANGE", 64)
    inputs = draw(1250, 2, heads=1)
    bound = 4 * EPS * inputs["value"].abs().max()
    assert (tiles(inputs, skip_tolerance=0.0) == 1249 // 64 + 1).all()
    for gate, most in ((-4.0, 64), (-0.2, 1024), (-1e-5, 1250)):
        inputs["log_forget"] = torch.full_like(inputs["log_forget"], gate)
        everything = attend(inputs, skip_tolerance=0.0)
        assert (attend(inputs) - everything).abs().max() <= bound
        visited = tiles(inputs)
        assert ((visited - 1) * 64 <= most).all()
    assert (visited == 1249 // 64 + 1).all()


@pytest.mark.parametrize("queries", [100, 3])
def test_the_walk_ends_where_the_document_begins(draw: Make, triton: str, queries: int) -> None:
    inputs = draw(500, queries, heads=1)
    ids = (torch.arange(500, device=DEVICE) >= 390).long()[None]
    position = torch.arange(500 - queries, 500)
    assert (tiles(inputs, document_ids=ids, skip_tolerance=0.0) == position // 64 - 390 // 64 + 1).all()


@pytest.mark.parametrize("queries", [100, 3])
@pytest.mark.parametrize("name", ["query", "key", "log_forget", "value"])
@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_broken_numbers_show_where_they_belong(
    draw: Make, run: Make, assert_same: Check, triton: str, name: str, broken: float, queries: int
) -> None:
    inputs = draw(100, queries, heads=1)
    place = (0, 0, queries - 2) if name in ("query", "log_forget") else (0, 0, 98)
    inputs[name] = inputs[name].clone()
    inputs[name][place] = broken if name != "log_forget" else math.nan
    exact = run({n: x.double() for n, x in inputs.items()}, "reference")
    results = run(inputs, triton)
    checked = results if name == "value" else {"output": results["output"]}
    assert_same(checked, {n: exact[n].float() for n in checked}, inputs)


def test_a_gate_above_one_makes_its_row_nan(draw: Make, triton: str) -> None:
    inputs = draw(70, heads=1)
    inputs["log_forget"][0, 0, 50] = 0.1
    rows = attend(inputs).isnan().all(-1)[0, 0]
    assert rows[50]
    assert rows.sum() == 1


@pytest.mark.parametrize("documents_of", [None, 3])
def test_deterministic_gradients_within_budget(
    draw: Make, assert_within_budget: Check, triton: str, monkeypatch: pytest.MonkeyPatch, documents_of: int | None
) -> None:
    from lengthwise.ops.threshold_relative.triton import launch

    monkeypatch.setattr(launch, "COUNTS", 1)  # as if memory allowed only one tile of rows at a time
    inputs = draw(140, batch=1, heads=2, kv_heads=1, dtype=torch.bfloat16, margin=MARGIN)
    ids = None if documents_of is None else (torch.arange(140) // 50)[None]
    torch.use_deterministic_algorithms(True)
    try:
        assert_within_budget(inputs, triton, document_ids=ids)
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("by_product", [True, False], ids=["product", "sum"])
@pytest.mark.parametrize("tile", [(64, 64), (128, 64), (128, 128), (64, 32), (32, 32), (32, 16)], ids=str)
def test_every_tile_within_budget(
    draw: Make,
    assert_within_budget: Check,
    triton: str,
    monkeypatch: pytest.MonkeyPatch,
    tile: tuple[int, int],
    by_product: bool,
) -> None:
    """Of 150 queries and 180 keys: the first and the last tile of both are cut, and one is not."""
    from lengthwise.ops.threshold_relative.triton import launch, tuning

    chosen = {"M": tile[0], "N": tile[1], "BY_PRODUCT": by_product, "num_warps": 8, "num_stages": 1}
    known = [config.kwargs for config in tuning.FORWARD + tuning.BACKWARD]
    known += [tuning.fixed(width, dtype) for width in (64, 128, 256) for dtype in ("float32", "bfloat16")]
    assert tile in {(config["M"], config["N"]) for config in known}
    monkeypatch.setattr(launch, "fixed", lambda *_: chosen)
    dtype = torch.bfloat16 if tile[0] >= 64 else torch.float32  # a large tile of float32 takes minutes to compile
    assert_within_budget(draw(180, 150, heads=1, dtype=dtype, margin=MARGIN), triton)


def test_tiles_are_searched_for_once(
    draw: Make, assert_within_budget: Check, triton: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was tried leaves nothing behind in the gradients, which are sums."""
    from lengthwise.ops.threshold_relative.triton import launch

    tried = []

    def quicker_each_time(call: Any, quantiles: Any) -> list[float]:
        call()
        tried.append(call)
        return [1 / len(tried)] * len(quantiles)

    monkeypatch.setattr(launch, "SEARCHED_FROM", 0)
    kernels: list[Any] = [vars(launch)[name] for name in ("forward_kernel", "rows_kernel")]
    for kernel in kernels:
        monkeypatch.setitem(vars(kernel), "do_bench", quicker_each_time)
        monkeypatch.setattr(kernel, "configs", kernel.configs[:2])
        monkeypatch.setattr(kernel, "cache", {})
        monkeypatch.setattr(kernel, "cache_results", False)
    for keys in (70, 75):
        assert_within_budget(draw(keys, heads=1, dtype=torch.bfloat16, margin=MARGIN), triton)
        assert len(tried) == 4
    for kernel in kernels:
        assert kernel.best_config is kernel.configs[1]


@pytest.mark.parametrize("queries", [100, 3])
@pytest.mark.parametrize("deterministic", [False, True])
def test_nothing_is_read_back_from_the_device(
    triton: str, monkeypatch: pytest.MonkeyPatch, queries: int, deterministic: bool
) -> None:
    """On the meta device there is nothing to read: whoever asks for a number fails."""
    from lengthwise.ops.threshold_relative.triton import launch

    launched = []
    monkeypatch.setattr(launch, "run", lambda kernel, *_: launched.append(kernel))
    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: deterministic)
    query = torch.empty(2, 4, queries, 16, dtype=torch.float32, device="meta")
    key, ids = query.new_empty(2, 2, 100, 16), query.new_empty(2, 100, dtype=torch.int64)
    problem = Problem(query, key, key, query[..., 0], ids, 0.0, 0.25, 1e-7, None)
    launch.backward(problem, launch.forward(problem), query)
    assert launched


@pytest.mark.long
@pytest.mark.skipif(torch.cuda.is_available(), reason="Only the interpreter shows addresses; see compute-sanitizer.")
@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("geometry", [*GEOMETRY[:6], {"keys": 70, "heads": 1, "head_dim": 33}], ids=str)
def test_keeps_to_its_tensors_and_to_its_part_of_them(
    draw: Make, run: Make, triton: str, monkeypatch: pytest.MonkeyPatch, geometry: dict[str, int], deterministic: bool
) -> None:
    """Every address that a kernel touches, lane by lane, lies in a tensor that it was given.

    What one program writes, but by atomic additions, no other reads or writes in the same launch.
    """
    from triton.runtime.interpreter import interpreter_builder

    from lengthwise.ops.threshold_relative.triton import launch
    from lengthwise.ops.triton.inputs import run as plain_run

    touched: set[str] = set()
    bounds: list[tuple[int, int]] = []
    writer: dict[int, tuple[int, ...]] = {}

    def extent(tensor: Tensor) -> tuple[int, int]:
        last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
        return tensor.data_ptr(), tensor.data_ptr() + last * tensor.element_size()

    def watched_run(kernel: Any, grid: Any, arguments: Any) -> None:
        given = [getattr(argument, "data", argument) for argument in arguments.values()]
        bounds[:] = [extent(tensor) for tensor in given if isinstance(tensor, torch.Tensor) and tensor.numel()]
        writer.clear()
        plain_run(kernel, grid, arguments)

    def watch(name: str, of_mask: int) -> None:
        plain = getattr(interpreter_builder, name)

        def watched(*handles: Any) -> Any:
            pointers = handles[1] if name == "create_atomic_rmw" else handles[0]
            addresses = pointers.data[handles[of_mask].data.astype(bool)].astype("int64")
            assert addresses.size == 0 or any(
                ((addresses >= first) & (addresses <= last)).all() for first, last in bounds
            ), f"{name} outside of all tensors"
            program = tuple(interpreter_builder.grid_idx)
            owner = writer.setdefault if name == "create_masked_store" else writer.get
            assert all(owner(address, program) == program for address in addresses.tolist()), f"{name}: a race"
            touched.add(name)
            return plain(*handles)

        monkeypatch.setattr(interpreter_builder, name, watched)

    monkeypatch.setattr(launch, "run", watched_run)
    for name, of_mask in (("create_masked_load", 1), ("create_masked_store", 2), ("create_atomic_rmw", 3)):
        watch(name, of_mask)
    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: deterministic)
    inputs = draw(**geometry)
    run(inputs, triton, document_ids=documents(geometry["keys"], 1, 65).expand(len(inputs["key"]), -1))
    assert touched == {"create_masked_load", "create_masked_store"} | (
        set() if deterministic else {"create_atomic_rmw"}
    )


@NEEDS_A_GPU
@pytest.mark.parametrize("queries", [300, 1])
def test_in_a_cuda_graph(draw: Make, triton: str, queries: int) -> None:
    def gradients(inputs: Inputs) -> list[Tensor]:
        leaves = [inputs[name].detach().requires_grad_() for name in ARGUMENTS]
        output = threshold_relative_attention(*leaves, backend=triton)
        return [output, *torch.autograd.grad(output, leaves, inputs["gradient"])]

    first, second = (
        {name: tensor.cuda() for name, tensor in draw(300, queries, head_dim=64, seed=seed).items()} for seed in (0, 1)
    )
    expected = gradients(second)
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        gradients(first)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = gradients(first)
    for name, tensor in second.items():
        first[name].copy_(tensor)
    graph.replay()
    for found, wanted in zip(captured, expected, strict=True):
        torch.testing.assert_close(found, wanted)


@NEEDS_A_GPU
@pytest.mark.parametrize("queries", [20, 1])
def test_more_heads_than_a_grid_has_rows(draw: Make, assert_within_budget: Check, triton: str, queries: int) -> None:
    assert_within_budget(draw(20, queries, batch=20_000, heads=4, kv_heads=4, head_dim=16, margin=MARGIN), triton)


@NEEDS_A_GPU
def test_on_several_streams(draw: Make, triton: str) -> None:
    calls = [{name: tensor.cuda() for name, tensor in draw(700, heads=8, seed=seed).items()} for seed in range(4)]

    def attend_to(inputs: Inputs) -> Tensor:
        return threshold_relative_attention(*(inputs[name] for name in ARGUMENTS), backend=triton)

    expected = [attend_to(inputs) for inputs in calls]
    torch.cuda.synchronize()
    streams, found = [torch.cuda.Stream() for _ in calls], []
    for inputs, stream in zip(calls, streams, strict=True):
        with torch.cuda.stream(stream):
            found.append(attend_to(inputs))
    torch.cuda.synchronize()
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("queries", [70, 2])
def test_registered_as_torch_wants_it(draw: Make, triton: str, queries: int) -> None:
    inputs = draw(70, queries, heads=2, kv_heads=1, head_dim=8)
    tensors = [inputs[name].to(DEVICE).requires_grad_() for name in ARGUMENTS]
    operator = torch.ops.lengthwise.threshold_relative_triton.default
    torch.library.opcheck(operator, (*tensors, None, 0.0, 8**-0.5, 1e-7, None))


@pytest.mark.filterwarnings("ignore:.*Function.* should not be instantiated", "ignore:The .grad attribute")
def test_a_compiled_layer_is_the_eager_one(triton: str) -> None:
    torch._dynamo.reset()
    torch.manual_seed(0)
    layer = Attention(32, 2, 1, "threshold-relative", backend=triton).to(DEVICE, torch.float32)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    hidden, gradients = torch.randn(1, 70, 32, dtype=torch.float32, device=DEVICE), []
    for apply in (layer, compiled):
        layer.zero_grad()
        output = apply(hidden)
        output.square().sum().backward()
        gradients.append([output.detach(), *(p.grad.clone() for p in layer.parameters())])
    torch._dynamo.reset()
    for eager, other in zip(*gradients, strict=True):
        torch.testing.assert_close(other, eager)


def test_refuses_what_it_does_not_take(draw: Make, triton: str) -> None:
    with pytest.raises(InputError, match=r"at most 256 numbers; got torch\.float32 and 300 numbers"):
        attend(draw(3, head_dim=300))
    with pytest.raises(InputError, match=r"takes float32, bfloat16 and float16 .* got torch\.float64"):
        attend(draw(3, dtype=torch.float64))


@pytest.mark.parametrize(
    ("capability", "memory", "dtype", "head_dim", "instruction"),
    [
        pytest.param(80, 163, "bfloat16", 64, "mma.sync", id="A100"),
        pytest.param(90, 227, "bfloat16", 64, "wgmma.mma_async", id="H100", marks=pytest.mark.long),
        pytest.param(89, 99, "bfloat16", 256, "mma.sync", id="RTX 4090, wide", marks=pytest.mark.long),
        pytest.param(89, 99, "float32", 128, "mma.sync", id="RTX 4090, float32", marks=pytest.mark.long),
    ],
)
def test_compiles_for_gpus_that_are_not_here(
    triton: str, capability: int, memory: int, dtype: str, head_dim: int, instruction: str
) -> None:
    """Every kernel becomes machine code that fits into so many KiB; in half precision it is on the matrix units."""
    environment = os.environ | {"TRITON_INTERPRET": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    script = Path(__file__).with_name("compile_for_a_gpu.py")
    command = [sys.executable, str(script), str(capability), dtype, str(head_dim)]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    kernels = json.loads(done.stdout)
    kinds, few = ("forward_kernel", "rows_kernel", "keys_kernel"), ("range_kernel", "together_kernel")
    forms, more = (FORMS, [*few, "distances_kernel_distance"]) if capability == 80 else (FORMS[:1], [])
    walks = [f"{kind}_{form}" for kind in kinds for form in forms]
    assert {kernel["name"] for kernel in kernels} == {*kinds, *walks, *more}
    for kernel in kernels:
        assert kernel["shared_memory"] <= memory << 10, kernel["name"]
        multiplies = kernel["name"] != "together_kernel" and dtype != "float32"
        assert (instruction in kernel["assembly"]) == multiplies, kernel["name"]
