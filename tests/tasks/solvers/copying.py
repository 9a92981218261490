"""Solvers of the tasks that rearrange symbols."""

from tests.tasks.solvers.solver import Solver, between


def copy(tokens: list[int]) -> list[int]:
    return [*between(tokens, 32), 34]


def reverse(tokens: list[int]) -> list[int]:
    return [*reversed(between(tokens, 32)), 34]


SOLVERS: dict[str, Solver] = {"copy": copy, "reverse": reverse}
