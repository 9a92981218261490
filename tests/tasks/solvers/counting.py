"""Solvers of the tasks that count."""

from itertools import groupby

from tests.tasks.solvers.solver import Solver, between


def parity(tokens: list[int]) -> list[int]:
    return [between(tokens, 2).count(1) % 2, 4]


def local_count(tokens: list[int]) -> list[int]:
    return [index for _, run in groupby(tokens[1:]) for index, _ in enumerate(run)]


SOLVERS: dict[str, Solver] = {"parity": parity, "local-count": local_count}
