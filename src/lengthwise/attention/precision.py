"""The precision that scores, biases and weights are computed in."""

import torch
from torch import Tensor


def at_least_float32(dtype: torch.dtype) -> torch.dtype:
    """Return float32, or float64 if ``dtype`` is float64."""
    return torch.promote_types(dtype, torch.float32)


def in_float32(values: Tensor) -> Tensor:
    """Convert values to float32; float64 values stay as they are."""
    return values.to(at_least_float32(values.dtype))
