"""Forget gates from their logits."""

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.precision import in_float32


def log_gates(logits: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Compute the logarithms of gates, the sigmoids of ``logits``, in float32 or better.

    Torch's ``logsigmoid`` wakes all threads for any number of gates. A decoding step has a few gates in each layer, and
    would wait milliseconds for a thread whenever another program keeps a core busy.
    """
    negative = -in_float32(logits)
    return -torch.logaddexp(negative, torch.zeros_like(negative))
