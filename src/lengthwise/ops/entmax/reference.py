"""The reference of 1.5-entmax attention, which defines the result: materialised."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lengthwise.ops.backend import Backend
from lengthwise.ops.entmax.problem import Problem
from lengthwise.ops.problem import Saved
from lengthwise.ops.reach import at_distances, materialised, nothing_of
from lengthwise.ops.rowwise.entmax import by_formula


def attend(problem: Problem) -> Saved:
    """Return the output in the query's dtype, and how many tiles each query visits: all tiles up to the query."""

    def weights(
        scores: Float[Tensor, "batch heads queries keys"], seen: Bool[Tensor, "#batch 1 queries keys"]
    ) -> Float[Tensor, "batch heads queries keys"]:
        if problem.bias.shape[-1]:
            scores = scores + at_distances(problem.bias.to(scores.dtype), scores.shape[2])
        else:
            scores = scores + nothing_of(problem.bias)
        scores = scores.masked_fill(~seen, -torch.inf)
        blind = (scores == -torch.inf).all(-1, keepdim=True)
        return by_formula(scores.masked_fill(blind, 0)).masked_fill(blind, 0)

    return materialised(problem, weights)


BACKEND = Backend("reference", attend)
