"""Attention with a bias for each distance in C++ on the CPU, with the gradient of the bias."""

from lengthwise.ops.backend import Backend
from lengthwise.ops.distance_bias import reference
from lengthwise.ops.distance_bias.problem import Problem
from lengthwise.ops.native import DTYPES, not_compiled
from lengthwise.ops.native.library import Rule
from lengthwise.ops.native.walk import NUMBERS, Walk, passes
from lengthwise.ops.operator import Kind, define

KIND = Kind("distance_bias", Problem, ("float", "float"), reference.attend)


def walk(problem: Problem) -> Walk:
    """Return the problem as the kernels see it."""
    query, key, value, bias, document_ids, scale, skip_tolerance = problem
    return Walk(Rule.DISTANCE_BIAS, query, key, value, document_ids, scale, skip_tolerance, bias=bias)


BACKEND = Backend(
    "native",
    define(KIND, "native", *passes(walk), numbers=NUMBERS),
    devices=("cpu",),
    dtypes=DTYPES,
    unavailable=not_compiled,
)
