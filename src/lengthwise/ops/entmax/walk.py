"""1.5-entmax attention as a walk, on the CPU."""

from lengthwise.ops.entmax import reference
from lengthwise.ops.entmax.problem import Problem
from lengthwise.ops.native import walk as native
from lengthwise.ops.operator import Kind
from lengthwise.ops.walk import Rule, Walk

KIND = Kind("entmax", Problem, ("float", "float"), reference.attend)


def as_walk(problem: Problem) -> Walk:
    """Return the problem as the kernels see it. The walk stops only before keys without weight."""
    query, key, value, bias, document_ids, scale, skip_tolerance = problem
    return Walk(Rule.ENTMAX, query, key, value, document_ids, scale, skip_tolerance, bias=bias)


BACKENDS = (native.backend(KIND, as_walk),)
