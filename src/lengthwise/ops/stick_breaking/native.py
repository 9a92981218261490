"""Stick-breaking attention in C++ on the CPU: each query walks back until hardly anything of its weight is left."""

from lengthwise.ops.backend import Backend
from lengthwise.ops.native import DTYPES, not_compiled
from lengthwise.ops.native.library import Rule
from lengthwise.ops.native.walk import NUMBERS, Walk, passes
from lengthwise.ops.operator import Kind, define
from lengthwise.ops.stick_breaking import reference
from lengthwise.ops.stick_breaking.problem import Problem

KIND = Kind("stick_breaking", Problem, ("float", "float"), reference.attend)


def walk(problem: Problem) -> Walk:
    """Return the problem as the kernels see it; the end of a walk does not depend on norms."""
    return Walk(Rule.STICK_BREAKING, *problem, largest_key_norm=0.0, strict=True)


BACKEND = Backend(
    "native",
    define(KIND, "native", *passes(walk), numbers=NUMBERS),
    devices=("cpu",),
    dtypes=DTYPES,
    unavailable=not_compiled,
)
