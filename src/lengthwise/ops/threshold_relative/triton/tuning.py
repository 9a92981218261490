"""Sizes of tiles: a small search for the two kernels that training is made of, fixed ones for the others.

The search runs once for each head width, dtype and kind of call, not for each length, and Triton keeps what it has
found on disk beside the compiled kernels. Short calls are not searched for: what they take is lost in the noise, and
would settle the choice for long ones. Nor is float32, which the matrix units do not multiply as it stands. In half
precision tiles have at least 64 queries and the warps come in fours: the matrix units of all generations then compute a
score in the same way in every kernel.
"""

from itertools import product
from typing import Any

import triton
import triton.language as tl

CHOSEN_BY = ["WIDTH", "WHOLE", "DOCUMENTS", "DTYPE"]
SEARCHED_FROM = 2**26
"""Scores in a call, of all heads together, from which on it is worth a search: 2,048 tokens of 16 heads."""
MOST_QUERIES = tl.constexpr(128)
"""Queries in the largest tile."""
NARROWEST = 16
"""Numbers in a row at least, zeros among them: Triton's ``dot`` takes no fewer."""


def _configs(*choices: tuple[int, int, int, int]) -> list[triton.Config]:
    """Queries and keys in a tile, warps, stages of prefetching; each with both ways to count inside a tile."""
    return [
        triton.Config({"M": m, "N": n, "BY_PRODUCT": by_product}, num_warps=warps, num_stages=stages)
        for (m, n, warps, stages), by_product in product(choices, (True, False))
    ]


FORWARD = _configs((64, 64, 4, 2), (64, 64, 4, 3), (128, 64, 8, 3), (128, 128, 8, 2), (64, 64, 8, 1), (64, 32, 8, 1))
BACKWARD = _configs((64, 64, 4, 2), (64, 64, 8, 2), (128, 64, 8, 2), (64, 64, 8, 1), (64, 32, 8, 1))


LARGEST_TILE = 128 * 64 * 128
"""Queries times keys times head width, at least 64, of a tile whose sums still fit into registers."""


def fitting(configs: list[triton.Config], _tensors: dict[str, Any], **constants: Any) -> list[triton.Config]:
    """Those worth a try: a tile that is too large for its registers takes minutes to compile, and is slow.

    What does not fit into the shared memory of the GPU at hand, Triton leaves out.
    """
    width = constants["WIDTH"]
    if width > 128:
        return [config for config in configs if config.num_stages == 1]
    return [c for c in configs if c.kwargs["M"] * c.kwargs["N"] * max(width, 64) <= LARGEST_TILE]


def fixed(width: int, dtype: str) -> dict[str, Any]:
    """For what is not searched for; they fit into 99 KiB of shared memory, which all but old GPUs have."""
    if dtype == "float32":
        m, n, warps, stages = (64, 32, 8, 1) if width <= 64 else (32, 32, 8, 1) if width <= 128 else (32, 16, 8, 1)
    else:
        m, n, warps, stages = (64, 64, 4, 2) if width <= 64 else (64, 64, 8, 1) if width <= 128 else (64, 32, 8, 1)
    return {"M": m, "N": n, "BY_PRODUCT": False, "num_warps": warps, "num_stages": stages}
