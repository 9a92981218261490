"""The reference of attention with a bias for each distance, which defines the result: materialised."""

import torch
from torch import Tensor

from lengthwise.ops.backend import Backend
from lengthwise.ops.distance_bias.problem import Problem
from lengthwise.ops.problem import Saved
from lengthwise.ops.reach import materialised, softmax_over


def attend(problem: Problem) -> Saved:
    """Return the output in the query's dtype, and how many tiles each query visits: all tiles up to the query."""

    def weights(scores: Tensor, seen: Tensor) -> Tensor:
        queries, keys = scores.shape[-2:]
        position = torch.arange(keys, dtype=torch.long, device=scores.device)
        distance = (position[keys - queries :, None] - position).clamp(min=0)  # keys ahead are not visible
        return softmax_over(scores + problem.bias.to(scores.dtype)[..., distance], seen, problem.sink)

    return materialised(problem, weights)


BACKEND = Backend("reference", attend)
