"""What all solvers share."""

from collections.abc import Callable

Solver = Callable[[list[int]], list[int] | list[list[float]] | list[float]]


def between(tokens: list[int], begin: int) -> list[int]:
    """The source of ``begin source separator answer``, where the separator follows *begin* in the vocabulary."""
    assert tokens[0] == begin
    return tokens[1 : tokens.index(begin + 1)]
