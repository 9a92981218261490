"""The reference of forgetting attention, which defines the result: materialised, differentiable by autograd."""

from torch import Tensor

from lengthwise.ops.backend import Backend
from lengthwise.ops.broken_values import attend_around
from lengthwise.ops.forgetting.problem import Problem, check_gates
from lengthwise.ops.modes import is_readable
from lengthwise.ops.problem import Saved, wide
from lengthwise.ops.reach import scores_of, softmax_over, tiles_up_to, visible, weighted


def attend(problem: Problem) -> Saved:
    """Return the output in the query's dtype, and how many tiles each query visits: all tiles up to the query."""
    query, key, _, forgotten, document_ids, scale, _ = problem
    if is_readable(forgotten):
        check_gates(forgotten)
    compute = wide(query.dtype)
    queries, keys = query.shape[2], key.shape[2]
    scores = scores_of(query.to(compute), key.to(compute), scale)
    logits = scores + between(forgotten, queries).to(compute)
    p = softmax_over(logits, visible(queries, keys, document_ids, query.device))

    def weigh(problem: Problem) -> Saved:
        return Saved(weighted(p, problem.value.to(compute)), tiles_up_to(query, keys))

    output, rows = attend_around(weigh, problem)
    return Saved(output.to(query.dtype), rows)


def between(forgotten: Tensor, queries: int) -> Tensor:
    """Return what is forgotten between each of the last queries and each key, (batch, heads, queries, keys)."""
    return forgotten[..., forgotten.shape[-1] - queries :, None] - forgotten[..., None, :]


BACKEND = Backend("reference", attend)
