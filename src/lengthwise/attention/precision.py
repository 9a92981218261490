"""The precision that scores, biases and weights are computed in."""

import torch
from torch import Tensor


def at_least_float32(dtype: torch.dtype) -> torch.dtype:
    """Float32, or float64 where that is given."""
    return torch.promote_types(dtype, torch.float32)


def in_float32(values: Tensor) -> Tensor:
    """Numbers in float32, or in float64 where they are."""
    return values.to(at_least_float32(values.dtype))
