"""The reference of stick-breaking attention, which defines the result: materialised, differentiable by autograd."""

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
    """Compute the weights by logarithms: a weight is ``e^z`` times the weight that is left after the key."""
    scores = scores.masked_fill(~seen, -torch.inf)
    left = F.logsigmoid(-scores)  # log of the fraction that each key leaves: 0 for a hidden key
    return (scores + left.flip(-1).cumsum(-1).flip(-1)).exp()


BACKEND = Backend("reference", attend)
