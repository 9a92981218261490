"""Forget gates from their logits."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.precision import in_float32

LINEAR = 50.0
"""Beyond this, the logarithm of a gate is its logit to the last bit of a float64."""


def log_gates(logits: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Compute the logarithms of gates, the sigmoids of ``logits``, in float32 or better.

    Torch's ``logsigmoid`` wakes all threads for any number of gates. A decoding step has a few gates in each layer, and
    would wait milliseconds for a thread whenever another program keeps a core busy. A compiler makes a loop of its own.
    """
    logits = in_float32(logits)
    return F.logsigmoid(logits) if torch.compiler.is_compiling() else -F.softplus(-logits, threshold=LINEAR)
