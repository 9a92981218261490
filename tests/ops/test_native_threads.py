"""Native on any number of threads, called by several at once, and in child processes: the same bits."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import torch
from torch import Tensor

Inputs = dict[str, Any]
Make = Callable[..., Inputs]

pytestmark = pytest.mark.usefixtures("needs_native")
CALLS = {
    "grouped-heads": ({"keys": 300, "batch": 2, "heads": 4, "kv_heads": 2, "head_dim": 40}, {}),
    "one-head": ({"keys": 1000, "heads": 1}, {}),
    "one-head-without-skipping": ({"keys": 1000, "heads": 1}, {"skip_tolerance": 0.0}),
    "one-key-head": ({"keys": 400, "heads": 8, "kv_heads": 1, "head_dim": 64}, {"skip_tolerance": 0.0}),
    "chunk": ({"keys": 900, "queries": 130, "heads": 4, "kv_heads": 2}, {"threshold": -1.0}),
    "decoding": ({"keys": 9000, "queries": 2, "heads": 4, "kv_heads": 2}, {}),
    "decoding-without-skipping": ({"keys": 9000, "queries": 1, "heads": 2, "batch": 2}, {"skip_tolerance": 0.0}),
}


@pytest.fixture
def set_threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def call(draw: Make, run: Make) -> Callable[..., Any]:
    """A call by name, the same every time."""

    def prepare(name: str, dtype: torch.dtype = torch.float32, seed: int = 0) -> Any:
        geometry, options = CALLS[name]
        inputs = draw(**geometry, dtype=dtype, seed=seed)
        head = torch.arange(inputs["query"].shape[1])[None, :, None] % 2
        inputs["log_forget"] = inputs["log_forget"] * torch.where(head == 0, 1.0, 1e-3).to(dtype)
        return lambda: run(inputs, "native", **options)

    return prepare


def assert_same(results: Inputs, expected: Inputs) -> None:
    assert all(torch.equal(results[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", CALLS)
def test_any_number_of_threads_gives_the_same_bits(
    call: Any, set_threads: Callable[[int], None], name: str, dtype: torch.dtype
) -> None:
    attend = call(name, dtype)
    set_threads(1)
    expected = attend()
    for threads in (2, 3, 5):
        set_threads(threads)
        for _ in range(3):
            assert_same(attend(), expected)


@pytest.mark.parametrize("name", ["grouped-heads", "one-head", "decoding-without-skipping"])
def test_batch_is_one_by_one_on_several_threads(
    draw: Make, run: Make, set_threads: Callable[[int], None], name: str
) -> None:
    geometry, options = CALLS[name]
    inputs = draw(**geometry | {"batch": 2})
    set_threads(3)
    together = run(inputs, "native", **options)
    for i in range(2):
        alone = run({n: x[i : i + 1] for n, x in inputs.items()}, "native", **options)
        assert_same(alone, {n: x[i : i + 1] for n, x in together.items()})


def test_several_python_threads_at_once(call: Any, set_threads: Callable[[int], None]) -> None:
    set_threads(2)
    calls = [call(name, seed=seed) for seed, name in enumerate(("grouped-heads", "one-head", "decoding"))]
    expected = [attend() for attend in calls]
    barrier = Barrier(len(calls))

    def work(attend: Callable[..., Tensor]) -> Any:
        barrier.wait()
        return [attend() for _ in range(20)]

    with ThreadPoolExecutor(len(calls)) as pool:
        for results, right in zip(pool.map(work, calls), expected, strict=True):
            for result in results:
                assert_same(result, right)


PROCESSES = """
import multiprocessing, os, sys
import torch
from lengthwise import threshold_relative_attention

def attend():
    # Small tensors: torch's own loops do not survive a fork on more than one thread.
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(1, 2, 300, 16, generator=generator).requires_grad_() for _ in range(3))
    gates = (-torch.rand(1, 2, 300, generator=generator)).requires_grad_()
    leaves = (query, key, value, gates)
    output = threshold_relative_attention(*leaves, backend="native", skip_tolerance=0.0)
    (output * torch.linspace(-1, 1, 16)).sum().backward()
    return [x.tolist() for x in (output.detach(), *(leaf.grad for leaf in leaves))]

def child(queue):
    torch.set_num_threads(3)
    queue.put(attend())

if __name__ == "__main__":
    torch.set_num_threads(2)
    expected = attend()
    context = multiprocessing.get_context(sys.argv[1])
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    assert queue.get(timeout=40) == expected, "the child has other bits"
    process.join()
    assert attend() == expected, "the parent has other bits afterwards"
    print("the same bits")
"""


@pytest.mark.long
@pytest.mark.parametrize("method", ["spawn", pytest.param("fork", marks=pytest.mark.skipif(
    not hasattr(os, "fork"), reason="this system has no fork"))])  # fmt: skip
def test_child_processes(tmp_path: Path, method: str) -> None:
    script = tmp_path / "processes.py"
    script.write_text(PROCESSES, encoding="utf-8")
    child = subprocess.run([sys.executable, script, method], capture_output=True, encoding="utf-8", timeout=60)
    assert child.returncode == 0, child.stderr
    assert child.stdout == "the same bits\n"
