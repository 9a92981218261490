"""Softpick attention as a walk."""

from lengthwise.ops import triton
from lengthwise.ops.native import walk as native
from lengthwise.ops.operator import Kind
from lengthwise.ops.softpick import reference
from lengthwise.ops.softpick.problem import Problem
from lengthwise.ops.walk import Rule, Walk

KIND = Kind("softpick", Problem, ("float", "float"), reference.attend)


def as_walk(problem: Problem) -> Walk:
    """Return the problem as the kernels see it: keys with negative scores count, too, so none is skipped."""
    query, key, value, document_ids, scale, _ = problem
    return Walk(Rule.SOFTPICK, query, key, value, document_ids, scale, 0.0)


BACKENDS = (native.backend(KIND, as_walk), triton.backend(KIND, as_walk))
