"""The reference of softpick attention, which defines the result: materialised, differentiable by autograd."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lengthwise.ops.backend import Backend
from lengthwise.ops.problem import Saved
from lengthwise.ops.reach import materialised
from lengthwise.ops.softpick.problem import Problem

EPS = 1e-8
"""Added to the denominator, as in the authors' code."""
LARGE = 40.0
"""A score so large that 1 is negligible beside its ``e^z``."""


def attend(problem: Problem) -> Saved:
    """Return the output in the query's dtype, and how many tiles each query visits: all tiles up to the query."""

    def weights(scores: Tensor, seen: Bool[Tensor, "#batch 1 queries keys"]) -> Tensor:
        return picks(scores.masked_fill(~seen, -torch.inf))

    return materialised(problem, weights)


def picks(scores: Float[Tensor, "*rows keys"]) -> Float[Tensor, "*rows keys"]:
    """Compute the weights by the definition, with the fraction reduced by ``e^shift`` against overflow.

    A score of minus infinity hides a key.
    """
    shift = (scores.detach().amax(-1, keepdim=True) - LARGE).clamp(min=0)
    excess = (scores - shift).expm1_() - torch.expm1(-shift)
    excess = excess.masked_fill_(scores == -torch.inf, 0)
    return excess.relu() / (excess.abs().sum(-1, keepdim=True) + EPS)


BACKEND = Backend("reference", attend)
