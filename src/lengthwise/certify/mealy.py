"""Finite machines that turn every token into a symbol: the layers of a network of hard attention."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Self

from lengthwise.tasks.machine import MooreMachine, equivalent

Symbol = tuple[int, int | None]
"""The number of the vector that a layer computes for a token, and the answer that is asked after it, if any."""
NONE: Symbol = (-1, None)
Row = Mapping[int, tuple[int, Symbol]]
"""The moves of a state: by token, the next state and the symbol."""


class MealyMachine(NamedTuple):
    """A finite automaton whose moves make symbols; state 0 is the start."""

    moves: Sequence[Row]

    @classmethod
    def of_task(cls, task: MooreMachine) -> Self:
        """Return the machine that makes the token itself, and the answer that the task then asks."""
        return cls([{token: (to, (token, task.answers[to])) for token, to in row.items()} for row in task.moves])

    def minimal(self) -> tuple[Self, list[int]]:
        """Merge states with the same future; return the machine, and the new number of every state."""
        made = (frozenset((token, symbol) for token, (_, symbol) in row.items()) for row in self.moves)
        group = equivalent(made, [{token: to for token, (to, _) in row.items()} for row in self.moves])
        rows: dict[int, Row] = {}
        for state, row in enumerate(self.moves):
            rows.setdefault(group[state], {token: (group[to], symbol) for token, (to, symbol) in row.items()})
        return type(self)([rows[number] for number in range(len(rows))]), group

    def symbol(self, tokens: Sequence[int]) -> Symbol:
        """Return the symbol that the last of these tokens makes."""
        state, symbol = 0, NONE
        for token in tokens:
            state, symbol = self.moves[state][token]
        return symbol

    def relabelled(self, symbol: Callable[[Symbol], Symbol]) -> Self:
        """Return the smallest machine that makes the symbols that ``symbol`` returns for those of this one."""
        rows = [{token: (to, symbol(made)) for token, (to, made) in row.items()} for row in self.moves]
        return type(self)(rows).minimal()[0]

    def shortest_paths(self) -> dict[int, list[int]]:
        """Return for each state the shortest sequence of tokens that leads to it, nearer states first."""
        came: dict[int, list[int]] = {0: []}
        queue = [0]
        for state in queue:
            for token, (to, _) in self.moves[state].items():
                if to not in came:
                    came[to] = [*came[state], token]
                    queue.append(to)
        return came

    def shortest(self, wanted: Callable[[Symbol], bool]) -> list[int] | None:
        """Return the shortest sequence of tokens whose last symbol is wanted; None if there is none."""
        for state, way in self.shortest_paths().items():
            for token, (_, symbol) in self.moves[state].items():
                if wanted(symbol):
                    return [*way, token]
        return None
