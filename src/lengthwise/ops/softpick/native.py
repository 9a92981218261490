"""Softpick attention in C++ on the CPU."""

from lengthwise.ops.native.library import Rule
from lengthwise.ops.native.walk import Walk, backend
from lengthwise.ops.operator import Kind
from lengthwise.ops.softpick import reference
from lengthwise.ops.softpick.problem import Problem

KIND = Kind("softpick", Problem, ("float", "float"), reference.attend)


def walk(problem: Problem) -> Walk:
    """Return the problem as the kernels see it: keys with negative scores count, too, so none is skipped."""
    query, key, value, document_ids, scale, _ = problem
    return Walk(Rule.SOFTPICK, query, key, value, document_ids, scale, 0.0)


BACKEND = backend(KIND, walk)
