"""The compiled kernels of the CPU: the walk that all operators share, and what a layer computes row by row.

Their sources lie in ``native/`` at the root of the repository.
"""

import torch
from torch import Tensor

from lengthwise.ops.modes import autocast_dtype
from lengthwise.ops.native.library import DTYPES, not_compiled, path

__all__ = ["DTYPES", "FEW", "not_compiled", "path", "takes"]

FEW = 4
"""For so many queries or fewer, torch's own softmax is faster: a register has a lane for each of 16 queries."""


def takes(tensor: Tensor) -> bool:
    """Return True if the kernels can compute on a tensor; not while a compiler traces, which fuses better by itself."""
    if torch.compiler.is_compiling() or tensor.device.type != "cpu" or not_compiled() is not None:
        return False
    return (autocast_dtype("cpu") or tensor.dtype) in DTYPES
