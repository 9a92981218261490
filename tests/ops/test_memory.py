"""Memory linear in the tokens: 16,384 of them where one (queries, keys) matrix alone would take 1 GiB."""

import subprocess
import sys

import pytest

TOKENS, LIMIT = 16_384, 600 * 2**20

CHILD = f"""
import resource, sys
from pathlib import Path
import torch
from lengthwise import threshold_relative_attention

torch.set_num_threads(1)

def status(name):  # getrusage would give the child its parent's largest size
    (line,) = [x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith(name)]
    return int(line.split()[1]) * 1024

def attend(tokens):
    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(1, 1, tokens, 16, generator=generator) for _ in range(3)]
    leaves = [x.requires_grad_() for x in (*tensors, torch.nn.functional.logsigmoid(torch.randn(1, 1, tokens)))]
    threshold_relative_attention(*leaves, backend=sys.argv[1]).sum().backward()

attend(64)  # threads and libraries are there before the limit is
resource.setrlimit(resource.RLIMIT_AS, (status("VmSize") + {LIMIT}, -1))
before = status("VmHWM")
attend({TOKENS})
print(status("VmHWM") - before)
"""


def child(backend):
    return subprocess.run([sys.executable, "-c", CHILD, backend], capture_output=True, text=True, timeout=120)


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space by way of /proc")
def test_blockwise_fits_where_the_reference_does_not():
    assert TOKENS**2 * 4 > LIMIT, "one matrix of the reference is more than the limit"
    blockwise = child("blockwise")
    assert blockwise.returncode == 0, blockwise.stderr
    assert 2**20 < int(blockwise.stdout) < LIMIT / 4
    reference = child("reference")
    assert reference.returncode != 0
    assert "allocate memory" in reference.stderr
