"""Forgetting attention as a walk: each query goes back until the gates have hidden all that remains."""

from lengthwise.ops import triton
from lengthwise.ops.forgetting import reference
from lengthwise.ops.forgetting.problem import Problem, check_sums
from lengthwise.ops.native import walk as native
from lengthwise.ops.operator import Kind
from lengthwise.ops.walk import Rule, Walk

KIND = Kind("forgetting", Problem, ("float", "float"), reference.attend)


def as_walk(problem: Problem) -> Walk:
    """Return the problem as the kernels see it."""
    query, key, value, forgotten, sink, document_ids, scale, skip_tolerance = problem
    return Walk(Rule.FORGETTING, query, key, value, document_ids, scale, skip_tolerance, forgotten=forgotten, sink=sink)


BACKENDS = (native.backend(KIND, as_walk, lambda problem: check_sums(problem.forgotten)), triton.backend(KIND, as_walk))
