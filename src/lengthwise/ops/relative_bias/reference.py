"""The reference of attention with a piecewise linear bias of relative distance, which defines the result."""

from torch import Tensor

from lengthwise.ops.backend import Backend
from lengthwise.ops.curve import bias_at
from lengthwise.ops.problem import Saved
from lengthwise.ops.reach import at_distances, materialised, nothing_of, softmax_over
from lengthwise.ops.relative_bias.problem import Problem


def attend(problem: Problem) -> Saved:
    """Return the output in the query's dtype, and how many tiles each query visits: all tiles up to the query."""

    def weights(scores: Tensor, seen: Tensor) -> Tensor:
        relative = at_distances(problem.distance, scores.shape[2]) / problem.length[..., None]
        bias = bias_at(relative, problem.knots, problem.slopes, problem.intercepts)
        return softmax_over(scores + bias.to(scores.dtype) + nothing_of(problem.knots), seen, problem.sink)

    return materialised(problem, weights)


BACKEND = Backend("reference", attend)
