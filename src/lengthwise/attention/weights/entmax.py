r"""1.5-entmax: a softmax that gives exact zeros, so that what does not matter cannot add up (arXiv 1905.05702).

:math:`p_j = [z_j / 2 - \tau]_+^2`, with the threshold :math:`\tau` at which the weights sum to 1. It is exact: the kept
keys are the highest ones, and for each possible number of them the quadratic equation for the threshold is solved.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.parts import Layout, Position, Weights, scores


class Entmax(Weights):
    """1.5-entmax over all visible keys (arXiv 1905.05702)."""

    def probabilities(
        self,
        hidden: Float[Tensor, "batch queries dim"],
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads keys head_dim"],
        layout: Layout,
        position: Position,
    ) -> Float[Tensor, "batch heads queries keys"]:
        """The definition."""
        weights: Tensor = _Entmax.apply(scores(query, key, layout, position))
        return weights


class _Entmax(torch.autograd.Function):
    """The derivative goes through the solution, not through the sorting (arXiv 1905.05702)."""

    @staticmethod
    def forward(ctx: Any, logits: Float[Tensor, "*rows keys"]) -> Float[Tensor, "*rows keys"]:
        halves = (logits - logits.amax(-1, keepdim=True)) / 2
        # Below the highest by 1, a weight is 0 for certain; the clamp keeps minus infinity out of the sums.
        descending = halves.clamp(min=-2).sort(-1, descending=True).values
        count = torch.arange(1, logits.shape[-1] + 1, device=logits.device, dtype=logits.dtype)
        mean, of_squares = descending.cumsum(-1) / count, descending.square().cumsum(-1) / count
        # Of the first k: sum (z - tau)^2 = 1.
        thresholds = mean - ((1 - count * (of_squares - mean.square())) / count).clamp(min=0).sqrt()
        kept = (thresholds <= descending).sum(-1, keepdim=True)
        weights = (halves - thresholds.gather(-1, kept - 1)).clamp(min=0).square()
        ctx.save_for_backward(weights)
        return weights

    @staticmethod
    def backward(ctx: Any, gradient: Float[Tensor, "*rows keys"]) -> Float[Tensor, "*rows keys"]:
        (weights,) = ctx.saved_tensors
        root = weights.sqrt()
        along = gradient * root
        return along - along.sum(-1, keepdim=True) / root.sum(-1, keepdim=True) * root
