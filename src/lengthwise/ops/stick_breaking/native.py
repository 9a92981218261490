"""Stick-breaking attention in C++ on the CPU: each query walks back until hardly anything of its weight is left."""

from lengthwise.ops.native.library import Rule
from lengthwise.ops.native.walk import Walk, backend
from lengthwise.ops.operator import Kind
from lengthwise.ops.stick_breaking import reference
from lengthwise.ops.stick_breaking.problem import Problem

KIND = Kind("stick_breaking", Problem, ("float", "float"), reference.attend)


def walk(problem: Problem) -> Walk:
    """Return the problem as the kernels see it; the end of a walk does not depend on norms."""
    return Walk(Rule.STICK_BREAKING, *problem, largest_key_norm=0.0, strict=True)


BACKEND = backend(KIND, walk)
