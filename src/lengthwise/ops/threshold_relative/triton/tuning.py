"""Tile sizes: a small search for the two kernels of training, fixed sizes for the others.

The search runs once for each head width, dtype and kind of call, not for each length; Triton keeps its result on disk
beside the compiled kernels. Short calls do not search, because noise would dominate their times and fix the choice for
long calls. Float32 does not search, because the matrix units do not multiply float32 exactly.
"""

from itertools import product
from typing import Any

import triton
import triton.language as tl

from lengthwise.ops.triton.inputs import tiling

CHOSEN_BY = ["WIDTH", "WHOLE", "DOCUMENTS", "DTYPE"]
SEARCHED_FROM = 2**26
"""Number of scores in a call, over all heads, from which on a search pays: 2,048 tokens and 16 heads."""
MOST_QUERIES = tl.constexpr(128)
"""Queries in the largest tile."""


def _configs(*choices: tuple[int, int, int, int]) -> list[triton.Config]:
    """Make configurations from (queries in a tile, keys, warps, stages), with both ways to count inside a tile."""
    return [
        triton.Config({"M": m, "N": n, "BY_PRODUCT": by_product}, num_warps=warps, num_stages=stages)
        for (m, n, warps, stages), by_product in product(choices, (True, False))
    ]


FORWARD = _configs((64, 64, 4, 2), (64, 64, 4, 3), (128, 64, 8, 3), (128, 128, 8, 2), (64, 64, 8, 1), (64, 32, 8, 1))
BACKWARD = _configs((64, 64, 4, 2), (64, 64, 8, 2), (128, 64, 8, 2), (64, 64, 8, 1), (64, 32, 8, 1))


LARGEST_TILE = 128 * 64 * 128
"""Largest product of queries, keys and head width (at least 64) for which a tile's sums fit into registers."""


def fitting(configs: list[triton.Config], _tensors: dict[str, Any], **constants: Any) -> list[triton.Config]:
    """Return the configurations worth a try: a tile too large for the registers compiles for minutes, and is slow.

    Triton itself leaves out configurations that do not fit into the GPU's shared memory.
    """
    width = constants["WIDTH"]
    if width > 128:
        return [config for config in configs if config.num_stages == 1]
    return [c for c in configs if c.kwargs["M"] * c.kwargs["N"] * max(width, 64) <= LARGEST_TILE]


def fixed(width: int, dtype: str) -> dict[str, Any]:
    """Return tile sizes for calls without a search."""
    return tiling(width, dtype) | {"BY_PRODUCT": False}
