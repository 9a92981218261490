"""Finite automata: complete, minimal, and numbered so that equal languages have equal automata."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.tasks.machine import MooreMachine, equivalent

END = "end"
"""Stands for the end of a string among the symbols that may follow a prefix."""


@dataclass(frozen=True)
class Automaton:
    """A deterministic finite automaton; state 0 is the start.

    Any complete table is brought into one form when it is created: states that cannot be reached are dropped, states
    with the same future become one, and states are numbered in the order of their shortest strings.

    Raises:
        InputError: for a table with a state or a row that does not exist, and for a language without members.
    """

    symbols: tuple[str, ...]
    """Names of the symbols."""
    transitions: tuple[tuple[int, ...], ...]
    """The next state, by state and symbol."""
    accepting: frozenset[int]
    """States whose strings are members."""

    def __post_init__(self) -> None:
        states = range(len(self.transitions))
        rows = {len(row) for row in self.transitions}
        if rows != {len(self.symbols)} or not {*self.accepting}.union(*self.transitions) <= {*states}:
            raise InputError(
                f"An automaton has a row for each of its {len(states)} states, with a state for each of its "
                f"{len(self.symbols)} symbols; give a table of numbers from 0 to {len(states) - 1}."
            )
        form = _canonical(self.transitions, self.accepting)
        for name, value in zip(("transitions", "accepting"), form, strict=True):
            object.__setattr__(self, name, value)
        if not self.accepting:
            raise InputError("This automaton accepts no string; make at least one state that is reached accepting.")

    @classmethod
    def of(
        cls, symbols: Sequence[str], arrows: Mapping[str, Mapping[str, str]], accepting: Collection[str]
    ) -> "Automaton":
        """Make an automaton from named states, the start first; a missing arrow leads to rejection."""
        dead, names = len(arrows), list(arrows)
        if unknown := {state for row in arrows.values() for state in row.values()}.union(accepting).difference(names):
            raise InputError(f"The state {min(unknown)!r} has no arrows; add its row, which may be empty.")
        if unknown := {name for row in arrows.values() for name in row}.difference(symbols):
            raise InputError(f"An arrow has the symbol {min(unknown)!r}, which is not among the symbols; add it there.")
        rows = [[names.index(row[name]) if name in row else dead for name in symbols] for row in arrows.values()]
        table = tuple(map(tuple, [*rows, [dead] * len(symbols)]))
        return cls(tuple(symbols), table, frozenset(map(names.index, accepting)))

    def run(self, symbols: Int[Tensor, "rows length"]) -> Int[Tensor, "rows length+1"]:
        """Return the states before the first symbol and after every symbol."""
        following = torch.tensor(self.transitions, dtype=torch.long, device="cpu")
        states = [torch.zeros_like(symbols[:, :1].sum(1))]
        for column in symbols.unbind(1):
            states.append(following[states[-1], column])
        return torch.stack(states, dim=1)

    @cached_property
    def follows(self) -> tuple[tuple[str, ...], ...]:
        """The symbols that may follow, for each state: those after which a member can still be completed.

        ``END`` comes last for the states of members. The tuple is empty for a state from which no member is reached.
        """
        alive = set(self.accepting)
        while more := {state for state, row in enumerate(self.transitions) if alive.intersection(row)} - alive:
            alive |= more
        return tuple(
            tuple(name for name, to in zip(self.symbols, row, strict=True) if to in alive)
            + (END,) * (state in self.accepting)
            for state, row in enumerate(self.transitions)
        )

    def members(self, length: int) -> int:
        """Return the number of members of ``length`` symbols; 2 stands for two or more."""
        counts, tail = self._counts
        return counts[length if length < len(counts) else tail + (length - tail) % (len(counts) - tail)]

    @cached_property
    def stride(self) -> int:
        """The greatest common divisor of the differences between the lengths of members; 1 without differences."""
        size = len(self._counts[0])
        lengths = [length for length in range(2 * size + 1) if self.members(length)]
        return math.gcd(*(other - one for one, other in pairwise(lengths))) or 1

    def near(self, length: int) -> list[int]:
        """Return the nearest lengths below and above ``length``, from 1 on, that members have."""
        size = len(self._counts[0])
        below = (*range(length - 1, max(0, length - 1 - size), -1), *range(min(size, length) - 1, 0, -1))
        above = range(max(1, length + 1), max(1, length + 1) + size)
        found = (next(filter(self.members, lengths), None) for lengths in (below, above))
        return [near for near in found if near is not None]

    @cached_property
    def _counts(self) -> tuple[list[int], int]:
        """The numbers of members by length, 2 at most, and the length at which the period of the numbers begins.

        The numbers of strings by their last state, 2 at most, decide the numbers of the next length. So the numbers
        repeat themselves from where these numbers occur for the second time.
        """
        seen: dict[tuple[int, ...], int] = {}
        counts: list[int] = []
        strings = (1, *[0] * (len(self.transitions) - 1))
        while strings not in seen:
            seen[strings] = len(counts)
            counts.append(min(2, sum(strings[state] for state in self.accepting)))
            after = [0] * len(strings)
            for number, row in zip(strings, self.transitions, strict=True):
                for state in row:
                    after[state] = min(2, after[state] + number)
            strings = tuple(after)
        return counts, seen[strings]


def _canonical(
    transitions: Sequence[Sequence[int]], accepting: Collection[int]
) -> tuple[tuple[tuple[int, ...], ...], frozenset[int]]:
    """Return the minimal table of the same language, with states in the order of their shortest strings."""
    group = equivalent(
        (state in accepting for state in range(len(transitions))), [dict(enumerate(row)) for row in transitions]
    )
    rows = {group[state]: {symbol: group[to] for symbol, to in enumerate(row)} for state, row in enumerate(transitions)}
    members = {group[state] for state in accepting}
    machine = MooreMachine.of(group[0], rows.__getitem__, lambda state: int(state in members))
    table = tuple(tuple(row.values()) for row in machine.moves)
    return table, frozenset(state for state, member in enumerate(machine.answers) if member)
