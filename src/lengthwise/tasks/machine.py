"""A task as a finite machine: what may come next, and which answer is right, after any number of tokens."""

from collections.abc import Callable, Mapping
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
