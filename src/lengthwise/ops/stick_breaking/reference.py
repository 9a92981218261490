"""The reference of stick-breaking attention, which defines the result: materialised, differentiable by autograd."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from lengthwise.ops.backend import Backend
from lengthwise.ops.problem import Saved
from lengthwise.ops.reach import materialised
from lengthwise.ops.stick_breaking.problem import Problem


def attend(problem: Problem) -> Saved:
    """Return the output in the query's dtype, and how many tiles each query visits: all tiles up to the query."""
    return materialised(problem, weights, strict=True)


def weights(
    scores: Float[Tensor, "batch heads queries keys"], seen: Bool[Tensor, "#batch 1 queries keys"]
) -> Float[Tensor, "batch heads queries keys"]:
    """Compute the weights of the keys that are seen."""
    return shares(scores.masked_fill(~seen, -torch.inf))


def shares(scores: Float[Tensor, "*rows keys"]) -> Float[Tensor, "*rows keys"]:
    """Compute the weights by logarithms: a weight is ``e^z`` times the weight that is left after the key.

    A score of minus infinity hides a key.
    """
    left = F.logsigmoid(-scores)  # log of the fraction that each key leaves: 0 for a hidden key
    logarithm = scores + left.flip(-1).cumsum(-1).flip(-1)
    return logarithm.mul_(1 / math.log(2)).exp2()  # most weights are close to 0, where exp takes 50 times as long


BACKEND = Backend("reference", attend)
