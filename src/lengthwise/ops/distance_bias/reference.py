"""The reference of attention with a bias for each distance, which defines the result: materialised."""

from torch import Tensor

from lengthwise.ops.backend import Backend
from lengthwise.ops.distance_bias.problem import Problem
from lengthwise.ops.problem import Saved
from lengthwise.ops.reach import at_distances, materialised, softmax_over


def attend(problem: Problem) -> Saved:
    """Return the output in the query's dtype, and how many tiles each query visits: all tiles up to the query."""

    def weights(scores: Tensor, seen: Tensor) -> Tensor:
        biases = at_distances(problem.bias.to(scores.dtype), scores.shape[2])
        return softmax_over(scores + biases, seen, problem.sink)

    return materialised(problem, weights)


BACKEND = Backend("reference", attend)
