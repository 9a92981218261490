"""Sizes of tiles: a small search for the two kernels that training is made of, fixed ones for the others.

The search runs once for each head width, dtype and kind of call, not for each length, and Triton keeps what it has
found on disk beside the compiled kernels. Tiles have at least 64 queries and the warps come in fours: the matrix units
of all generations then compute a score in the same way in every kernel.
"""

from itertools import product
from typing import Any

import triton

from lengthwise.ops.threshold_relative.triton.walk import INTERPRETED

CHOSEN_BY = ["WIDTH", "WHOLE", "DOCUMENTS", "DTYPE"]


def _configs(*choices: tuple[int, int, int, int]) -> list[triton.Config]:
    """Queries and keys in a tile, warps, stages of prefetching; each with both ways to count inside a tile."""
    configs = [
        triton.Config({"M": m, "N": n, "BY_PRODUCT": by_product}, num_warps=warps, num_stages=stages)
        for (m, n, warps, stages), by_product in product(choices, (True, False))
    ]
    return configs[:1] if INTERPRETED else configs  # nothing can be timed there


FORWARD = _configs((64, 64, 4, 2), (64, 64, 4, 3), (128, 64, 8, 3), (128, 128, 8, 2), (64, 64, 8, 1), (64, 32, 8, 1))
BACKWARD = _configs((64, 64, 4, 2), (64, 64, 8, 2), (128, 64, 8, 2), (64, 64, 8, 1), (64, 32, 8, 1))


def fitting(configs: list[triton.Config], _tensors: dict[str, Any], **constants: Any) -> list[triton.Config]:
    """Those worth a try: a tile that is too large for its registers takes minutes to compile, and is slow.

    What does not fit into the shared memory of the GPU at hand, Triton leaves out.
    """
    width, small = constants["WIDTH"], [config for config in configs if config.num_stages == 1]
    if constants["DTYPE"] == "float32":
        return [config for config in small if config.kwargs["N"] == 32] or configs
    if width > 128:
        return small or configs
    return [c for c in configs if c.kwargs["M"] * c.kwargs["N"] * max(width, 64) <= 128 * 64 * 128]


def fixed(width: int, dtype: str) -> dict[str, Any]:
    """For the kernels that are not searched for."""
    single = dtype == "float32"
    warps = 4 if width <= 64 and not single else 8
    return {"M": 64, "N": 32 if single else 64, "BY_PRODUCT": False, "num_warps": warps, "num_stages": 1}
