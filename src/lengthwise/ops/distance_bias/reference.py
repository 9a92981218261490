"""The reference of attention with a bias for each distance, which defines the result: materialised."""

import torch

from lengthwise.ops.backend import Backend
from lengthwise.ops.broken_values import attend_around
from lengthwise.ops.distance_bias.problem import Problem
from lengthwise.ops.problem import Saved, wide
from lengthwise.ops.reach import scores_of, softmax_over, tiles_up_to, visible, weighted


def attend(problem: Problem) -> Saved:
    """Return the output in the query's dtype, and how many tiles each query visits: all tiles up to the query."""
    query, key, _, bias, document_ids, scale, _ = problem
    compute = wide(query.dtype)
    queries, keys = query.shape[2], key.shape[2]
    scores = scores_of(query.to(compute), key.to(compute), scale)
    position = torch.arange(keys, dtype=torch.long, device=query.device)
    distance = (position[keys - queries :, None] - position).clamp(min=0)  # keys ahead are not visible
    logits = scores + bias.to(compute)[..., distance]
    p = softmax_over(logits, visible(queries, keys, document_ids, query.device))

    def weigh(problem: Problem) -> Saved:
        return Saved(weighted(p, problem.value.to(compute)), tiles_up_to(query, keys))

    output, rows = attend_around(weigh, problem)
    return Saved(output.to(query.dtype), rows)


BACKEND = Backend("reference", attend)
