"""Threshold relative attention in C++ on the CPU: the blockwise backend's walk, with queries in a register's lanes.

A call of few queries has keys in the lanes.
"""

from lengthwise.ops.native import walk as native
from lengthwise.ops.problem import check_gates
from lengthwise.ops.threshold_relative.operator import KIND
from lengthwise.ops.threshold_relative.problem import Problem
from lengthwise.ops.walk import Rule, Walk


def as_walk(problem: Problem) -> Walk:
    """Return the problem as the kernels see it."""
    return Walk(
        Rule.THRESHOLD_RELATIVE,
        problem.query,
        problem.key,
        problem.value,
        problem.document_ids,
        problem.scale,
        problem.skip_tolerance,
        log_forget=problem.log_forget,
        limit=problem.limit,
        largest_key_norm=problem.largest_key_norm,
    )


BACKEND = native.backend(KIND, as_walk, lambda problem: check_gates(problem.log_forget))
