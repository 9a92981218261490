"""Forgetting attention in C++ on the CPU: each query walks back until the gates have hidden all that remains."""

from lengthwise.ops.backend import Backend
from lengthwise.ops.forgetting import reference
from lengthwise.ops.forgetting.problem import Problem, check_gates
from lengthwise.ops.native import DTYPES, not_compiled
from lengthwise.ops.native.library import Rule
from lengthwise.ops.native.walk import NUMBERS, Walk, passes
from lengthwise.ops.operator import Kind, define

KIND = Kind("forgetting", Problem, ("float", "float"), reference.attend)


def walk(problem: Problem) -> Walk:
    """Return the problem as the kernels see it."""
    query, key, value, forgotten, document_ids, scale, skip_tolerance = problem
    check_gates(forgotten)
    return Walk(Rule.FORGETTING, query, key, value, document_ids, scale, skip_tolerance, forgotten=forgotten)


BACKEND = Backend(
    "native",
    define(KIND, "native", *passes(walk), numbers=NUMBERS),
    devices=("cpu",),
    dtypes=DTYPES,
    unavailable=not_compiled,
)
