"""1.5-entmax attention in C++ on the CPU."""

from lengthwise.ops.entmax import reference
from lengthwise.ops.entmax.problem import Problem
from lengthwise.ops.native.library import Rule
from lengthwise.ops.native.walk import Walk, backend
from lengthwise.ops.operator import Kind

KIND = Kind("entmax", Problem, ("float", "float"), reference.attend)


def walk(problem: Problem) -> Walk:
    """Return the problem as the kernels see it. The walk stops only before keys without weight."""
    query, key, value, bias, document_ids, scale, skip_tolerance = problem
    return Walk(Rule.ENTMAX, query, key, value, document_ids, scale, skip_tolerance, bias=bias)


BACKEND = backend(KIND, walk)
