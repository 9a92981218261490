"""Start values of a mechanism in a trained model: where it is known which values disturb the model least."""

from typing import Any

import torch
from torch import nn

from lengthwise.attention.positions.forgetting import Forgetting
from lengthwise.attention.weights.threshold_relative import OnOperator

GATE = 6.0
"""Bias of a forget gate at first: a gate of sigmoid(6) = 0.9975 for every token, so that distance hardly matters."""


@torch.no_grad()
def open_gates(mechanism: nn.Module) -> None:
    """Open all forget gates of a mechanism, whatever the token: weights of 0, and a bias of :data:`GATE`.

    Softmax keeps all that it sees, and so does a gate near 1. All other parameters keep the values that they have at
    the start of a training from scratch.
    """
    for part in mechanism.modules():
        gate: Any = getattr(part, "forget", None)
        if isinstance(part, OnOperator | Forgetting) and isinstance(gate, nn.Linear):
            gate.weight.zero_()
            gate.bias.fill_(GATE)
