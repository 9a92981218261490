"""Attention with a piecewise linear bias of relative distance in C++ on the CPU, with all gradients."""

from lengthwise.ops.curve import Curve
from lengthwise.ops.native.library import Rule
from lengthwise.ops.native.walk import Walk, backend
from lengthwise.ops.operator import Kind
from lengthwise.ops.relative_bias import reference
from lengthwise.ops.relative_bias.problem import Problem

KIND = Kind("relative_bias", Problem, ("float", "float"), reference.attend)


def walk(problem: Problem) -> Walk:
    """Return the problem as the kernels see it."""
    query, key, value, *curve, sink, document_ids, scale, skip_tolerance = problem
    return Walk(
        Rule.RELATIVE_BIAS, query, key, value, document_ids, scale, skip_tolerance, curve=Curve(*curve), sink=sink
    )


BACKEND = backend(KIND, walk)
