"""Adaptive temperature: at inference, the higher a row's entropy, the sharper its softmax (arXiv 2410.01104)."""

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.weights.inference_only import InferenceOnly

POLYNOMIAL = (-0.037, 0.481, -2.3, 4.917, -1.791)
"""Of the entropy in nats, highest power first."""


class AdaptiveTemperature(InferenceOnly):
    """At inference a sharper softmax the higher a row's entropy; in training softmax (arXiv 2410.01104)."""

    def at_inference(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """``softmax(beta z)``; beta is at least 1, and 1 where the entropy is no more than 0.5 nats."""
        weights = scores.softmax(-1)
        entropy = -(weights * (weights + 1e-9).log()).sum(-1, keepdim=True)
        beta = torch.zeros_like(entropy)
        for coefficient in POLYNOMIAL:
            beta = beta * entropy + coefficient
        hidden = scores == -torch.inf  # times the derivative of beta it would be NaN
        sharper = scores.masked_fill(hidden, 0) * torch.where(entropy > 0.5, beta.clamp(min=1), 1)
        return sharper.masked_fill(hidden, -torch.inf).softmax(-1)
