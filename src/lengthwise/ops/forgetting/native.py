"""Forgetting attention in C++ on the CPU: each query walks back until the gates have hidden all that remains."""

from lengthwise.ops.forgetting import reference
from lengthwise.ops.forgetting.problem import Problem, check_sums
from lengthwise.ops.native.library import Rule
from lengthwise.ops.native.walk import Walk, backend
from lengthwise.ops.operator import Kind

KIND = Kind("forgetting", Problem, ("float", "float"), reference.attend)


def walk(problem: Problem) -> Walk:
    """Return the problem as the kernels see it."""
    query, key, value, forgotten, sink, document_ids, scale, skip_tolerance = problem
    return Walk(Rule.FORGETTING, query, key, value, document_ids, scale, skip_tolerance, forgotten=forgotten, sink=sink)


BACKEND = backend(KIND, walk, lambda problem: check_sums(problem.forgotten))
