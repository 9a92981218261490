"""Attention with a piecewise linear bias of relative distance as a walk on the CPU, with all gradients."""

from lengthwise.ops.curve import Curve
from lengthwise.ops.native import walk as native
from lengthwise.ops.operator import Kind
from lengthwise.ops.relative_bias import reference
from lengthwise.ops.relative_bias.problem import Problem
from lengthwise.ops.walk import Rule, Walk

KIND = Kind("relative_bias", Problem, ("float", "float"), reference.attend)


def as_walk(problem: Problem) -> Walk:
    """Return the problem as the kernels see it."""
    query, key, value, *curve, sink, document_ids, scale, skip_tolerance = problem
    return Walk(
        Rule.RELATIVE_BIAS, query, key, value, document_ids, scale, skip_tolerance, curve=Curve(*curve), sink=sink
    )


BACKENDS = (native.backend(KIND, as_walk),)
