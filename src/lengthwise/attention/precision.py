"""The precision that scores, biases and weights are computed in."""

from torch import Tensor

from lengthwise.ops.problem import at_least_float32


def in_float32(values: Tensor) -> Tensor:
    """Convert values to float32; float64 values stay as they are."""
    return values.to(at_least_float32(values.dtype))
