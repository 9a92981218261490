"""Sigmoid attention as a walk."""

from lengthwise.ops import triton
from lengthwise.ops.native import walk as native
from lengthwise.ops.operator import Kind
from lengthwise.ops.sigmoid import reference
from lengthwise.ops.sigmoid.problem import Problem
from lengthwise.ops.walk import Rule, Walk

KIND = Kind("sigmoid", Problem, ("float", "float"), reference.attend)


def as_walk(problem: Problem) -> Walk:
    """Return the problem as the kernels see it: keys do not compete, so none is skipped."""
    query, key, value, offset, document_ids, scale, _ = problem
    return Walk(Rule.SIGMOID, query, key, value, document_ids, scale, 0.0, offset=offset, largest_key_norm=0.0)


BACKENDS = (native.backend(KIND, as_walk), triton.backend(KIND, as_walk))
