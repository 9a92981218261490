"""The peak memory of one forward and backward, beyond its inputs.

On the CPU it is the growth of a fresh process's resident memory, one process per contestant, for what a process has
once used it seldom gives back. ``python -m lengthwise.bench.memory CONTESTANT LENGTH CONFIG`` is such a process.
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
    """Whether there is a way to know: Linux tells the CPU's, torch the GPU's."""
    return config.device == "cuda" or _STATUS.exists()


def peak_bytes(config: BenchConfig, contestant: str, length: int) -> int:
    """Bytes; raises :class:`RunError` where the contestant's process did not live to tell."""
    if config.device == "cuda":
        return _on_the_gpu(config, contestant, length)
    # Without the threshold glibc keeps some of the tensors that are freed, and hands them out again unseen.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-P", "-m", __name__, contestant, str(length), config.model_dump_json()]
    child = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8")
    if child.returncode:
        last = child.stderr.strip().splitlines()[-1:] or [f"exit code {child.returncode}"]
        raise RunError(f"The memory of {contestant} at {length:,} tokens is unknown: its process failed ({last[0]}).")
    return int(child.stdout)


def _on_the_gpu(config: BenchConfig, contestant: str, length: int) -> int:
    run = prepare(FORWARD_AND_BACKWARD, contestant, draw(config, length))
    run()  # what is made once, such as workspaces, is there after this
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    run()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def _on_the_cpu(config: BenchConfig, contestant: str, length: int) -> int:
    """Of this process. Drawing the inputs takes less beyond them than attending does, so the peak is attention's."""
    torch.set_num_threads(config.threads)
    prepare(
        FORWARD_AND_BACKWARD, contestant, draw(config, min(64, length))
    )()  # loads what it needs, and starts the threads
    run = prepare(FORWARD_AND_BACKWARD, contestant, draw(config, length))
    before = _resident("VmRSS")
    run()
    return _resident("VmHWM") - before


def _resident(name: str) -> int:
    """Bytes that are resident now (VmRSS), or were at most (VmHWM)."""
    lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name + ":"))


if __name__ == "__main__":
    print(_on_the_cpu(BenchConfig.model_validate_json(sys.argv[3]), sys.argv[1], int(sys.argv[2])))
