"""Sigmoid attention in C++ on the CPU."""

from lengthwise.ops.native.library import Rule
from lengthwise.ops.native.walk import Walk, backend
from lengthwise.ops.operator import Kind
from lengthwise.ops.sigmoid import reference
from lengthwise.ops.sigmoid.problem import Problem

KIND = Kind("sigmoid", Problem, ("float", "float"), reference.attend)


def walk(problem: Problem) -> Walk:
    """Return the problem as the kernels see it: keys do not compete, so none is skipped."""
    query, key, value, offset, document_ids, scale, _ = problem
    return Walk(Rule.SIGMOID, query, key, value, document_ids, scale, 0.0, offset=offset, largest_key_norm=0.0)


BACKEND = backend(KIND, walk)
