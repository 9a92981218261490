"""What all launches of Triton kernels share: the arguments of one call in the kernels' format, and tile sizes."""

from typing import Any

import torch
import triton
from torch import Tensor

from lengthwise.ops.documents import first_of_document
from lengthwise.ops.triton.tiles import INTERPRETED, Rows

NARROWEST = 16
"""Smallest width of a row, padded with zeros, that Triton's ``dot`` takes."""


def arguments_of(
    query: Tensor, key: Tensor, document_ids: Tensor | None, scale: float, *, otherwise: Tensor
) -> dict[str, Any]:
    """Return what kernels take by its name; only unreadable layouts are copied.

    Without documents nothing is read from them, so that any tensor serves as the pointer: ``otherwise``.
    """
    heads, queries, width = query.shape[1:]
    kv_heads, keys = key.shape[1:3]
    padded = max(NARROWEST, triton.next_power_of_2(width))
    return {
        "query": Rows.of(query),
        "key": Rows.of(key),
        "oldest": otherwise if document_ids is None else first_of_document(document_ids).to(torch.int32),
        "heads": heads,
        "group": heads // kv_heads,
        "queries": queries,
        "keys": keys,
        "width": width,
        "scale": scale,
        "WIDTH": padded,
        "WHOLE": padded == width,
        "DOCUMENTS": document_ids is not None,
        "DTYPE": str(query.dtype).removeprefix("torch."),
        "INTERPRET": INTERPRETED,
    }


def tiling(width: int, dtype: str) -> dict[str, Any]:
    """Return queries and keys in a tile, warps and stages, for the 99 KiB of shared memory that all but old GPUs have.

    In half precision tiles have at least 64 queries and a multiple of four warps: the matrix units of all generations
    then compute a score in the same way in every kernel.
    """
    if dtype == "float32":
        m, n, warps, stages = (64, 32, 8, 1) if width <= 64 else (32, 32, 8, 1) if width <= 128 else (32, 16, 8, 1)
    else:
        m, n, warps, stages = (64, 64, 4, 2) if width <= 64 else (64, 64, 8, 1) if width <= 128 else (64, 32, 8, 1)
    return {"M": m, "N": n, "num_warps": warps, "num_stages": stages}


def run(kernel: Any, grid: Any, arguments: dict[str, Any]) -> None:
    """Launch a kernel with the arguments that it takes."""
    names = {*kernel.arg_names, "num_warps", "num_stages"}
    kernel[grid](**{name: argument for name, argument in arguments.items() if name in names})
