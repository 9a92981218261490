"""The reference of stick-breaking attention, which defines the result: materialised, differentiable by autograd."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from lengthwise.ops.backend import Backend
from lengthwise.ops.broken_values import attend_around
from lengthwise.ops.problem import Saved, wide
from lengthwise.ops.reach import scores_of, tiles_up_to, visible, weighted
from lengthwise.ops.stick_breaking.problem import Problem


def attend(problem: Problem) -> Saved:
    """Return the output in the query's dtype, and how many tiles each query visits: all tiles up to the query."""
    query, key, _, document_ids, scale, _ = problem
    compute = wide(query.dtype)
    queries, keys = query.shape[2], key.shape[2]
    scores = scores_of(query.to(compute), key.to(compute), scale)
    p = weights(scores, visible(queries, keys, document_ids, query.device, strict=True))

    def weigh(problem: Problem) -> Saved:
        return Saved(weighted(p, problem.value.to(compute)), tiles_up_to(query, keys))

    output, rows = attend_around(weigh, problem)
    return Saved(output.to(query.dtype), rows)


def weights(
    scores: Float[Tensor, "batch heads queries keys"], seen: Bool[Tensor, "#batch 1 queries keys"]
) -> Float[Tensor, "batch heads queries keys"]:
    """Compute the weights by logarithms: a weight is ``e^z`` times the weight that is left after the key."""
    scores = scores.masked_fill(~seen, -torch.inf)
    left = F.logsigmoid(-scores)  # log of the fraction that each key leaves: 0 for a hidden key
    return (scores + left.flip(-1).cumsum(-1).flip(-1)).exp()


BACKEND = Backend("reference", attend)
