"""The reference of sigmoid attention, which defines the result: materialised, differentiable by autograd."""

from torch import Tensor

from lengthwise.ops.backend import Backend
from lengthwise.ops.problem import Saved
from lengthwise.ops.reach import materialised
from lengthwise.ops.sigmoid.problem import Problem


def attend(problem: Problem) -> Saved:
    """Return the output in the query's dtype, and how many tiles each query visits: all tiles up to the query."""

    def weights(scores: Tensor, seen: Tensor) -> Tensor:
        return (scores + problem.offset[..., None]).sigmoid().masked_fill(~seen, 0)

    return materialised(problem, weights)


BACKEND = Backend("reference", attend)
