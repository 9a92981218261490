"""Automata of regular expressions."""

import re
from functools import lru_cache

from lengthwise.errors import InputError
from lengthwise.tasks.languages.automaton import Automaton

UNREAD = re.compile(r"[\\\[\]{}&^.$]|\s|[^ -~]")
"""What other syntaxes of regular expressions give a meaning, and what cannot be seen."""
TWICE = re.compile(r"[*+?][*+?]")
"""A repetition of a repetition; elsewhere, a repetition that is lazy or possessive."""


@lru_cache
def automaton_of(pattern: str) -> Automaton:
    """Read a regular expression; this needs the package ``automata-lib``.

    A symbol is one character, but none of ``\\[]{}&^.$``, which have other meanings elsewhere. ``|`` is or, ``*`` any
    number of times, ``+`` once or more, ``?`` once or never; ``()`` groups, and an empty group is the empty string. The
    symbols of the automaton are those of members, in alphabetical order.

    Raises:
        InputError: for a pattern that cannot be read.
    """
    from automata.base.exceptions import AutomatonException, RegexException
    from automata.fa.dfa import DFA
    from automata.fa.nfa import NFA

    for refused in (UNREAD, TWICE):
        if found := refused.search(pattern):
            raise InputError(
                f"The pattern {pattern!r} has {found[0]!r}, which is not read: use symbols of one character, | * + ? "
                "and ( ), as in '(ab|ba)*'."
            )
    try:
        read = DFA.from_nfa(NFA.from_regex(pattern), minify=False)
    except (AutomatonException, RegexException) as error:
        raise InputError(f"The pattern {pattern!r} cannot be read ({error}); write it as in '(ab|ba)*'.") from None
    symbols = sorted({name for row in read.transitions.values() for name in row})
    if not symbols:
        raise InputError(f"No member of {pattern!r} has a symbol; write the pattern as in '(ab|ba)*'.")
    states = [read.initial_state, *sorted(read.states - {read.initial_state}, key=str)]
    place = {state: number for number, state in enumerate(states)}
    rows = [[place.get(read.transitions[state].get(name), len(states)) for name in symbols] for state in states]
    rows.append([len(states)] * len(symbols))
    return Automaton(tuple(symbols), tuple(map(tuple, rows)), frozenset(place[state] for state in read.final_states))
