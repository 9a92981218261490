"""A task as a finite machine: what may come next, and which answer is right, after any number of tokens."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

State = Any
"""What a task calls a state: anything that can be hashed."""
Moves = Callable[[State], Mapping[int, State]]
"""Returns the states after one more token, by token."""
Answer = Callable[[State], int | None]
"""Returns the right answer in a state; None where nothing is asked."""


@dataclass(frozen=True)
class MooreMachine:
    """A finite automaton with an answer in every state; state 0 is the start, before any token."""

    moves: tuple[Mapping[int, int], ...]
    """The next state by state and token; a token that is missing cannot come."""
    answers: tuple[int | None, ...]
    """The right answer, a token or a class, after what leads to each state; None where nothing is asked."""

    @classmethod
    def of(cls, start: State, moves: Moves, answer: Answer) -> Self:
        """Make the machine of all states that can be reached from ``start``, numbered breadth first."""
        number, states = {start: 0}, [start]
        table = []
        for state in states:
            after = moves(state)
            for to in after.values():
                if to not in number:
                    number[to] = len(states)
                    states.append(to)
            table.append({token: number[to] for token, to in after.items()})
        return cls(tuple(table), tuple(map(answer, states)))


def equivalent(kinds: Iterable[Hashable], moves: Sequence[Mapping[int, int]]) -> list[int]:
    """Number states so that those with the same future have the same number, by Moore's algorithm.

    Args:
        kinds: what tells states apart before any move, by state.
        moves: the next state by state and token.

    Returns:
        The number of every state; numbers count from 0 in the order in which states bring them.
    """
    group = _numbered(kinds)
    while True:  # states of a group part if a token leads to different groups
        finer = _numbered(
            (group[state], *((token, group[to]) for token, to in sorted(row.items())))
            for state, row in enumerate(moves)
        )
        if max(finer) == max(group):
            return finer
        group = finer


def _numbered(keys: Iterable[Hashable]) -> list[int]:
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys]
