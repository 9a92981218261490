"""Attention with a bias for each distance in C++ on the CPU, with the gradient of the bias."""

from lengthwise.ops.distance_bias import reference
from lengthwise.ops.distance_bias.problem import Problem
from lengthwise.ops.native.library import Rule
from lengthwise.ops.native.walk import Walk, backend
from lengthwise.ops.operator import Kind

KIND = Kind("distance_bias", Problem, ("float", "float"), reference.attend)


def walk(problem: Problem) -> Walk:
    """Return the problem as the kernels see it."""
    query, key, value, bias, sink, document_ids, scale, skip_tolerance = problem
    return Walk(Rule.DISTANCE_BIAS, query, key, value, document_ids, scale, skip_tolerance, bias=bias, sink=sink)


BACKEND = backend(KIND, walk)
