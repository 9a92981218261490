"""Attention with a bias for each distance as a walk, with the gradient of the bias."""

from lengthwise.ops import triton
from lengthwise.ops.distance_bias import reference
from lengthwise.ops.distance_bias.problem import Problem
from lengthwise.ops.native import walk as native
from lengthwise.ops.operator import Kind
from lengthwise.ops.walk import Rule, Walk

KIND = Kind("distance_bias", Problem, ("float", "float"), reference.attend)


def as_walk(problem: Problem) -> Walk:
    """Return the problem as the kernels see it."""
    query, key, value, bias, sink, document_ids, scale, skip_tolerance = problem
    return Walk(Rule.DISTANCE_BIAS, query, key, value, document_ids, scale, skip_tolerance, bias=bias, sink=sink)


BACKENDS = (native.backend(KIND, as_walk), triton.backend(KIND, as_walk))
