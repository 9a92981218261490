"""Solvers of the tasks on sets."""

from tests.tasks.solvers.solver import Solver


def set_complement(tokens: list[int]) -> list[list[float]]:
    absent, answers = set(range(64)), []
    for token in tokens:
        absent.remove(token)
        answers.append([1 / len(absent) if other in absent else 0.0 for other in range(64)])
    return answers


SOLVERS: dict[str, Solver] = {"set-complement": set_complement}
