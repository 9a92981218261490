"""Memory linear in the tokens: 16,384 of them where one (queries, keys) matrix alone would take 1 GiB, and 65,536."""

import subprocess
import sys

import pytest

ONE_HEAD = {"heads": 1, "tokens": 16_384, "head_dim": 16, "limit": 600 * 2**20}
FOUR_HEADS = {"heads": 4, "tokens": 65_536, "head_dim": 64, "limit": 2 * 2**30}

CHILD = """
import resource, sys
from pathlib import Path
import torch
from lengthwise import threshold_relative_attention

torch.set_num_threads(1)
backend, (heads, tokens, head_dim, limit) = sys.argv[1], map(int, sys.argv[2:])

def status(name):  # getrusage would give the child its parent's largest size
    (line,) = [x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith(name)]
    return int(line.split()[1]) * 1024

def leaves(tokens):
    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(1, heads, tokens, head_dim, generator=generator) for _ in range(3)]
    gates = torch.nn.functional.logsigmoid(torch.randn(1, heads, tokens, generator=generator))
    return [x.requires_grad_() for x in (*tensors, gates)]

def train(leaves):
    threshold_relative_attention(*leaves, backend=backend).sum().backward()

train(leaves(64))  # threads and libraries are there before the limit is
inputs = leaves(tokens)
resource.setrlimit(resource.RLIMIT_AS, (status("VmSize") + limit, -1))
before = status("VmHWM")
train(inputs)
assert all(x.grad.isfinite().all() for x in inputs)
print(status("VmHWM") - before)
"""


def train(backend: str, **sizes: int) -> subprocess.CompletedProcess[str]:
    """One step in a process of its own, which may take up to the limit beyond its inputs."""
    arguments = [str(number) for number in sizes.values()]
    return subprocess.run(
        [sys.executable, "-c", CHILD, backend, *arguments], capture_output=True, encoding="utf-8", timeout=120
    )


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits the address space by way of /proc")


@pytest.mark.long
def test_fits_where_the_reference_does_not(fast: str) -> None:
    assert ONE_HEAD["tokens"] ** 2 * 4 > ONE_HEAD["limit"], "one matrix of the reference is more than the limit"
    child = train(fast, **ONE_HEAD)
    assert child.returncode == 0, child.stderr
    assert 2**20 < int(child.stdout) < ONE_HEAD["limit"] / 4


def test_the_reference_does_not_fit() -> None:
    child = train("reference", **ONE_HEAD)
    assert child.returncode != 0
    assert "allocate memory" in child.stderr


def test_native_trains_on_65536_tokens(needs_native: str) -> None:
    child = train(needs_native, **FOUR_HEADS)
    assert child.returncode == 0, child.stderr
    one_tensor = 4 * FOUR_HEADS["heads"] * FOUR_HEADS["tokens"] * FOUR_HEADS["head_dim"]
    # The output, its gradient, and the gradients of three; the rest is for torch's temporary copies.
    assert 5 * one_tensor < int(child.stdout) < 8 * one_tensor
