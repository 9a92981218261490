"""How often rounding flips a keep decision of threshold relative attention; for its speed, see ``lengthwise bench``.

    python benchmarks/threshold_relative.py

The threshold is a discontinuity: the share of decisions that differ from float64 on the same inputs is a number here,
not a tolerance. Inputs are what a freshly initialised layer sees; the threshold is 0.
"""

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from lengthwise.bench.config import BenchConfig
from lengthwise.bench.inputs import draw

LENGTH, DRAWS = 1024, 16
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
PRODUCTS, INPUTS = "float32 products", "rounded inputs as well"


def flip_rates() -> dict[torch.dtype, dict[str, float]]:
    """Share of keep decisions that differ from float64: by rounding products, and by rounding inputs as well."""
    config = BenchConfig()
    causal = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril()
    flips = {dtype: {PRODUCTS: 0.0, INPUTS: 0.0} for dtype in DTYPES}

    def kept(query: Tensor, key: Tensor, compute: torch.dtype) -> Tensor:
        return (query.to(compute) @ key.to(compute).mT > 0)[:, :, causal]

    for seed in range(DRAWS):
        query, key, *_ = draw(config, LENGTH, seed)
        exact = kept(query, key, torch.float64)
        for dtype, rates in flips.items():
            rounded = (query.to(dtype), key.to(dtype))
            ours = kept(*rounded, torch.float32)
            rates[PRODUCTS] += (ours != kept(*rounded, torch.float64)).double().mean().item() / DRAWS
            rates[INPUTS] += (ours != exact).double().mean().item() / DRAWS
    return flips


def main() -> None:
    table = Table("inputs", title=f"Keep decisions that differ from float64, at {LENGTH:,} tokens")
    for kind in (PRODUCTS, INPUTS):
        table.add_column(kind, justify="right")
    for dtype, rates in flip_rates().items():
        table.add_row(str(dtype).removeprefix("torch."), *(f"{rate:.1e}" for rate in rates.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
