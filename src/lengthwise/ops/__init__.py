"""Functions on tensors: one public function per operator, several backends behind it."""

import torch

from lengthwise.ops.curve import Curve
from lengthwise.ops.distance_bias import distance_bias_attention
from lengthwise.ops.entmax import entmax_attention
from lengthwise.ops.forgetting import forgetting_attention
from lengthwise.ops.relative_bias import relative_bias_attention
from lengthwise.ops.sigmoid import sigmoid_attention
from lengthwise.ops.softpick import softpick_attention
from lengthwise.ops.stick_breaking import stick_breaking_attention
from lengthwise.ops.threshold_relative import threshold_relative_attention

__all__ = [
    "Curve",
    "distance_bias_attention",
    "entmax_attention",
    "forgetting_attention",
    "relative_bias_attention",
    "sigmoid_attention",
    "softpick_attention",
    "stick_breaking_attention",
    "threshold_relative_attention",
]

# In about one process of ten, one thread of torch's first multi-threaded exp on the CPU has a relative error of 1.5e-4
# (3e-9 in float64; seen with torch 2.13 and MKL, whose accuracy mode the threads set in a race). One call that is too
# small for several threads sets the mode first, so that results repeat to the bit.
torch.exp(torch.ones(1, dtype=torch.float32, device="cpu"))
