"""Every instruction path of the native kernels, each in a process of its own: the choice is made once."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lengthwise.ops import native

CHILD = """
import importlib.util, os, sys
import torch
from lengthwise.ops import native

spec = importlib.util.spec_from_file_location("fixtures", sys.argv[1])
fixtures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fixtures)
draw, run, assert_within_budget = fixtures._draw, fixtures._run, fixtures._assert_within_budget
torch.set_num_threads(1)
MARGIN = 1e-5

def same(results, expected):
    return all(torch.equal(results[name], tensor) for name, tensor in expected.items())

for dtype in (torch.float32, torch.bfloat16):
    for head_dim in (1, 33, 40, 96, 256):
        for keys, queries in ((130, 90), (130, 2)):
            inputs = draw(keys, queries, heads=4, kv_heads=2, head_dim=head_dim, dtype=dtype, margin=MARGIN)
            assert_within_budget(inputs, "native")
            large = inputs | {name: 20 * inputs[name] for name in ("query", "key")}
            assert_within_budget(large, "native")
    for keys, queries in ((1, 1), (200, 199), (2100, 4), (2100, 5)):
        inputs = draw(keys, queries, heads=4, kv_heads=2, dtype=dtype, margin=MARGIN)
        gates = torch.tensor([0.0, -1e-3, -0.7, -torch.inf], dtype=dtype)
        inputs["log_forget"] = gates[:, None].expand(inputs["log_forget"].shape)
        documents = (torch.arange(keys) >= keys // 3).long()[None]
        for options in ({}, {"skip_tolerance": 0.0}, {"threshold": -1e9}, {"document_ids": documents}):
            assert_within_budget(inputs, "native", **options)
    inputs = draw(300, heads=4, kv_heads=2, head_dim=40, dtype=dtype)
    inputs["query"][:, 1] *= 20
    expected = run(inputs, "native")
    for queries in (1, 4, 5, 40):
        last = inputs | {name: inputs[name][:, :, -queries:] for name in ("query", "log_forget", "gradient")}
        assert torch.equal(run(last, "native")["output"], expected["output"][:, :, -queries:])
    integers = fixtures._integers(inputs)
    assert_within_budget(integers, "native", threshold=0.3, scale=0.3)
    broken = inputs | {"value": inputs["value"].clone()}
    broken["value"][0, 0, 100, 3] = torch.nan
    seen = (run(broken, backend, skip_tolerance=2**-24)["output"].isnan() for backend in ("native", "reference"))
    assert torch.equal(*seen)
    os.environ["LENGTHWISE_POISON"] = "1"
    torch.use_deterministic_algorithms(True)
    assert same(run(inputs, "native"), expected)
    torch.use_deterministic_algorithms(False)
    del os.environ["LENGTHWISE_POISON"]
print(native.path())
"""


def child(path: str, code: str = CHILD) -> subprocess.CompletedProcess[str]:
    fixtures = Path(__file__).with_name("conftest.py")
    return subprocess.run(
        [sys.executable, "-c", code, fixtures],
        env=os.environ | {"LENGTHWISE_NATIVE": path},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


def missing_instructions(path: str) -> str | None:
    """Why this machine cannot have a path, going by what torch says of the processor."""
    if path == "portable":
        return None
    if platform.machine() not in ("x86_64", "AMD64"):
        return f"{path} is of x86-64, this is {platform.machine()}"
    here = torch.backends.cpu.get_cpu_capability()
    needed = {"avx2": ("AVX2", "AVX512"), "avx512": ("AVX512",)}[path]
    return None if here in needed else f"{path} needs {needed[0]}, this processor has {here}"


@pytest.mark.long
@pytest.mark.parametrize("path", native.library.PATHS)
def test_path_within_budget(needs_native: str, path: str) -> None:
    if reason := missing_instructions(path):
        pytest.skip(reason)
    result = child(path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == path


def test_the_fastest_path_is_taken(needs_native: str) -> None:
    if "LENGTHWISE_NATIVE" in os.environ:
        pytest.skip("LENGTHWISE_NATIVE forces a path")
    assert native.path() == next(path for path in native.library.PATHS if not missing_instructions(path))


def test_an_unknown_path_is_one_clear_sentence(needs_native: str) -> None:
    attend = "import torch, lengthwise; x = torch.ones(1, 1, 1, 8);"
    attend += "lengthwise.threshold_relative_attention(x, x, x, -torch.ones(1, 1, 1))"
    result = child("sse9", attend)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "lengthwise.errors.InputError: LENGTHWISE_NATIVE is 'sse9', which this machine does not have; "
        "the instruction paths are avx512, avx2, portable."
    )
