"""The base of tasks on regular languages: the label of every prefix is the set of symbols that may follow it.

The task is that of arXiv 2009.11264 and arXiv 2410.02140. A sequence is a member of the language, and each member of a
length is drawn with the same probability. The label of a prefix, from the empty one on, says which symbols may follow:
those after which a member can still be completed; and *end*, if the prefix is a member. There is one class for each
distinct set, in the order of ``sets``. Labels refer to the whole language, not to the length of the sequence.

The authors draw strings by rules of their own for each language, which are not uniform. Some of their labels differ:
*end* is no symbol of theirs in most languages. They report training on lengths up to 50, and tests on 51 to 100 and 101
to 150; their public settings go up to 100, 200 or 500 for some languages.
"""

from functools import lru_cache
from typing import ClassVar

import torch

from lengthwise.errors import InputError
from lengthwise.tasks.labelling import Labelled, Labelling
from lengthwise.tasks.languages.automaton import Automaton
from lengthwise.tasks.languages.crasp import in_crasp
from lengthwise.tasks.languages.members import members
from lengthwise.tasks.languages.patterns import automaton_of
from lengthwise.tasks.machine import MooreMachine


class RegularLanguage(Labelling):
    """The symbols that may follow every prefix of a member of a regular language (arXiv 2009.11264).

    A language of your own is a subclass with a ``pattern``, or with an ``automaton``::

        class Mine(RegularLanguage):
            pattern = "(ab|ba)*"
    """

    pattern: ClassVar[str] = ""
    """A regular expression in the notation of :func:`~lengthwise.tasks.languages.patterns.automaton_of`."""

    @property
    def automaton(self) -> Automaton:
        """The automaton of the language; by default, that of the pattern."""
        return automaton_of(self.pattern)

    @property
    def sets(self) -> tuple[tuple[str, ...], ...]:
        """The symbols that may follow, for each class."""
        return _sets(self.automaton)

    @property
    def stride(self) -> int:  # type: ignore[override]
        """Difference between successive lengths that members can have."""
        return self.automaton.stride

    @property
    def symbols(self) -> int:
        """Number of symbols of the language."""
        return len(self.automaton.symbols)

    @property
    def classes(self) -> int:
        """Number of distinct sets of symbols that may follow a prefix."""
        return len(self.sets)

    @property
    def names(self) -> tuple[str, ...]:
        """The symbols of the language, *begin*, and the numbers of the labels that are more than these."""
        return (*self.automaton.symbols, *super().names[self.symbols :])

    def spell_answer(self, answer: int) -> str:
        """Write a label as text: the symbols that may follow."""
        return " or ".join(self.sets[answer])

    def check_length(self, length: int) -> None:
        """Refuse lengths that no member has."""
        if length < 1 or not self.automaton.members(length):
            near = " and ".join(map(str, self.automaton.near(length)))
            raise InputError(f"No member of {self.title} has {length} symbols; choose a length that is near: {near}.")

    @property
    def machine(self) -> MooreMachine:
        """The automaton, without the states from which no member is reached."""
        following, sets = self.automaton.follows, self.sets

        def moves(state: int) -> dict[int, int]:
            return {symbol: to for symbol, to in enumerate(self.automaton.transitions[state]) if following[to]}

        return self.begun(0, moves, lambda state: sets.index(following[state]))

    @property
    def in_crasp(self) -> bool:
        """True if the language is in C-RASP (:mod:`~lengthwise.tasks.languages.crasp`)."""
        return _in_crasp(self.automaton)

    def has_one_example(self, length: int) -> bool:
        """Return True if the language has one member of ``length``."""
        return self.automaton.members(length) == 1

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Labelled:
        """Draw members, and look up the set of every state that they go through."""
        automaton, sets = self.automaton, self.sets
        symbols, states = members(automaton, generator, batch_size, length)
        classes = [sets.index(names) if names else 0 for names in automaton.follows]
        return Labelled(symbols, torch.tensor(classes, dtype=torch.long, device="cpu")[states])


_in_crasp = lru_cache(in_crasp)


@lru_cache
def _sets(automaton: Automaton) -> tuple[tuple[str, ...], ...]:
    """Return the distinct sets of symbols that may follow, in the order of the states."""
    return tuple(dict.fromkeys(filter(None, automaton.follows)))
