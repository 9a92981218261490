"""How much arithmetic attention is, and how much the GPU's matrix units were seen to do."""

from statistics import median

import torch

from lengthwise.bench.config import BenchConfig
from lengthwise.bench.kinds import DECODE, FORWARD
from lengthwise.bench.timing import Clock

PEAK_SIZE = 8192
_TURNS = 15


def dense_operations(config: BenchConfig, length: int, kind: str) -> float:
    """Floating point operations of the two matrix products, as dense causal attention does them.

    A product with a key and one with a value are 4 · head_dim operations for each pair of a query and a key that it
    sees. The backward pass has five such products where the forward pass has two, so both are 3.5 times the forward.
    """
    pairs = length if kind == DECODE else length * (length + 1) / 2
    times = 1.0 if kind in (FORWARD, DECODE) else 3.5
    return times * 4 * config.batch * config.heads * config.head_dim * pairs


def measured_peak(clock: Clock, device: str) -> float:
    """Operations per second of a square bfloat16 matrix product that is large enough for all units."""
    shape = (PEAK_SIZE, PEAK_SIZE)
    left, right = (torch.randn(shape, dtype=torch.float32, device=device).bfloat16() for _ in range(2))
    into = torch.empty_like(left)

    def multiply() -> None:
        torch.mm(left, right, out=into)

    multiply()
    return float(2 * PEAK_SIZE**3 / median(clock(multiply) for _ in range(_TURNS)))
