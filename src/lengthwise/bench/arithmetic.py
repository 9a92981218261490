"""The arithmetic that attention needs, and the rate of the machine's own matrix product."""

from statistics import median

import torch

from lengthwise.bench.config import BenchConfig
from lengthwise.bench.kinds import DECODE, FORWARD
from lengthwise.bench.timing import Clock

PEAK_SIZE = {"cpu": 1024, "cuda": 8192}
"""Rows and columns of the matrices: enough to fill all processors."""
PEAK_DTYPE = {"cpu": torch.float32, "cuda": torch.bfloat16}
"""On the CPU, attention in half precision is computed in float32, too."""
_TURNS = 15


def dense_operations(config: BenchConfig, length: int, kind: str) -> float:
    """Count the floating point operations of the matrix products of dense causal attention.

    For each pair of a query and a key that it sees, the product with the key and the product with the value are
    4 · head_dim operations. The backward pass has five such products and the forward pass two, so both together are
    3.5 times the forward pass.
    """
    pairs = length if kind == DECODE else length * (length + 1) / 2
    times = 1.0 if kind in (FORWARD, DECODE) else 3.5
    return times * 4 * config.batch * config.heads * config.head_dim * pairs


def measured_peak(clock: Clock, device: str) -> float:
    """Measure a square matrix product by torch [operations/s]."""
    size, dtype = PEAK_SIZE[device], PEAK_DTYPE[device]
    left, right = (torch.randn((size, size), dtype=torch.float32, device=device).to(dtype) for _ in range(2))
    into = torch.empty_like(left)

    def multiply() -> None:
        torch.mm(left, right, out=into)

    multiply()
    return float(2 * size**3 / median(clock(multiply) for _ in range(_TURNS)))
