"""How often rounding flips a keep decision of threshold relative attention; for its speed, see ``lengthwise bench``.

    python benchmarks/threshold_relative.py [--device cuda]

The threshold is a discontinuity: the share of decisions that differ from float64 on the same inputs is a number here,
not a tolerance. Inputs are what a freshly initialised layer sees; the threshold is 0.
"""

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

from lengthwise import threshold_relative_attention
from lengthwise.bench.config import BenchConfig
from lengthwise.bench.inputs import draw

LENGTH, DRAWS = 1024, 16
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
PRODUCTS, OPERATOR, INPUTS = "float32 products", "the operator", "rounded inputs as well"


def flip_rates(device: str) -> dict[torch.dtype, dict[str, float]]:
    """Share of keep decisions that differ from float64: by rounding products, and by rounding inputs as well."""
    config = BenchConfig()
    causal = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril()
    flips = {dtype: {PRODUCTS: 0.0, OPERATOR: 0.0, INPUTS: 0.0} for dtype in DTYPES}

    def kept(query: Tensor, key: Tensor, compute: torch.dtype) -> Tensor:
        return (query.to(compute) @ key.to(compute).mT > 0)[:, :, causal]

    for seed in range(DRAWS):
        query, key, *_ = draw(config, LENGTH, seed)
        exact = kept(query, key, torch.float64)
        for dtype, rates in flips.items():
            rounded = (query.to(dtype), key.to(dtype))
            right = kept(*rounded, torch.float64)
            ours = kept_by_the_operator(*(tensor.to(device) for tensor in rounded))[:, :, causal]
            rates[PRODUCTS] += (kept(*rounded, torch.float32) != right).double().mean().item() / DRAWS
            rates[OPERATOR] += (ours != right).double().mean().item() / DRAWS
            rates[INPUTS] += (ours != exact).double().mean().item() / DRAWS
    return flips


def kept_by_the_operator(query: Tensor, key: Tensor) -> Tensor:
    """(batch, heads, queries, keys), on the CPU: without forgetting, a kept key is one that has weight.

    The output shows the weights of as many keys as a head is wide, where each of these has a value of its own.
    """
    gates, columns = torch.zeros(query.shape[:3], device=query.device), []
    for first in range(0, LENGTH, query.shape[-1]):
        value = torch.zeros_like(key)
        value[:, :, first : first + key.shape[-1]] = torch.eye(key.shape[-1], dtype=key.dtype, device=key.device)
        columns.append(threshold_relative_attention(query, key, value, gates, skip_tolerance=0.0) > 0)
    return torch.cat(columns, -1).cpu()


def main(
    device: str = "cpu",
) -> None:
    """How often rounding flips a keep decision."""
    table = Table("inputs", title=f"Keep decisions that differ from float64, at {LENGTH:,} tokens, on {device}")
    for kind in (PRODUCTS, OPERATOR, INPUTS):
        table.add_column(kind, justify="right")
    for dtype, rates in flip_rates(device).items():
        table.add_row(str(dtype).removeprefix("torch."), *(f"{rate:.1e}" for rate in rates.values()))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
