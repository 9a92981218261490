"""Stick-breaking attention as a walk: each query goes back until hardly anything of its weight is left."""

from lengthwise.ops import triton
from lengthwise.ops.native import walk as native
from lengthwise.ops.operator import Kind
from lengthwise.ops.stick_breaking import reference
from lengthwise.ops.stick_breaking.problem import Problem
from lengthwise.ops.walk import Rule, Walk

KIND = Kind("stick_breaking", Problem, ("float", "float"), reference.attend)


def as_walk(problem: Problem) -> Walk:
    """Return the problem as the kernels see it; the end of a walk does not depend on norms."""
    return Walk(Rule.STICK_BREAKING, *problem, largest_key_norm=0.0, strict=True)


BACKENDS = (native.backend(KIND, as_walk), triton.backend(KIND, as_walk))
