"""The peak memory of one forward and backward pass, beyond the inputs.

On the CPU this is the growth of a fresh process's resident memory. Each contestant gets its own process, because a
process seldom returns memory that it has used. ``python -m lengthwise.bench.memory CONTESTANT LENGTH CONFIG`` starts
such a process.
"""

import os
import subprocess
import sys
from pathlib import Path

import torch

from lengthwise.bench.config import BenchConfig
from lengthwise.bench.inputs import draw
from lengthwise.bench.kinds import FORWARD_AND_BACKWARD, prepare
from lengthwise.errors import RunError

_STATUS = Path("/proc/self/status")


def measurable(config: BenchConfig) -> bool:
    """Return True if peak memory can be measured: Linux reports the CPU's memory, and torch the GPU's."""
    return config.device == "cuda" or _STATUS.exists()


def peak_bytes(config: BenchConfig, contestant: str, length: int) -> int:
    """Measure the peak memory of a contestant [bytes]; raises :class:`RunError` if the contestant's process fails."""
    if config.device == "cuda":
        return _on_the_gpu(config, contestant, length)
    # Without the threshold glibc keeps some freed tensors and reuses their memory, which the peak would then miss.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-P", "-m", __name__, contestant, str(length), config.model_dump_json()]
    child = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8")
    if child.returncode:
        last = child.stderr.strip().splitlines()[-1:] or [f"exit code {child.returncode}"]
        raise RunError(f"The memory of {contestant} at {length:,} tokens is unknown: its process failed ({last[0]}).")
    return int(child.stdout)


def _on_the_gpu(config: BenchConfig, contestant: str, length: int) -> int:
    run = prepare(FORWARD_AND_BACKWARD, contestant, draw(config, length))
    run()  # allocates what is allocated only once, such as workspaces
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    run()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def _on_the_cpu(config: BenchConfig, contestant: str, length: int) -> int:
    """Measure this process [bytes].

    Drawing the inputs needs less memory beyond them than attention does, so the peak belongs to attention.
    """
    torch.set_num_threads(config.threads)
    # The first call loads libraries and starts the threads.
    prepare(FORWARD_AND_BACKWARD, contestant, draw(config, min(64, length)))()
    run = prepare(FORWARD_AND_BACKWARD, contestant, draw(config, length))
    before = _resident("VmRSS")
    run()
    return _resident("VmHWM") - before


def _resident(name: str) -> int:
    """Read the resident memory of this process: now (VmRSS), or its peak (VmHWM) [bytes]."""
    lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name + ":"))


if __name__ == "__main__":
    print(_on_the_cpu(BenchConfig.model_validate_json(sys.argv[3]), sys.argv[1], int(sys.argv[2])))
