"""The reference of forgetting attention, which defines the result: materialised, differentiable by autograd."""

from torch import Tensor

from lengthwise.ops.backend import Backend
from lengthwise.ops.forgetting.problem import Problem, check_sums
from lengthwise.ops.modes import is_readable
from lengthwise.ops.problem import Saved
from lengthwise.ops.reach import materialised, softmax_over


def attend(problem: Problem) -> Saved:
    """Return the output in the query's dtype, and how many tiles each query visits: all tiles up to the query."""
    sums = problem.forgotten
    if is_readable(sums):
        check_sums(sums)

    def weights(scores: Tensor, seen: Tensor) -> Tensor:
        between = sums[..., sums.shape[-1] - scores.shape[-2] :, None] - sums[..., None, :]
        return softmax_over(scores + between.to(scores.dtype), seen, problem.sink)

    return materialised(problem, weights)


BACKEND = Backend("reference", attend)
