"""Brackets of bounded depth: D_n of arXiv 2009.11264 and arXiv 2410.02140, where D_1 = (ab)* and D_n = (a D_{n-1} b)*.

*a* is written as an opening bracket, and *b* as a closing one.

The authors have n = 2, 3, 4 and 12. Their rule for strings prefers the largest depth; here, all members of a length
have the same probability. The lengths are those of all their regular languages (``regular_language``).
"""

from functools import lru_cache
from itertools import pairwise

from lengthwise.options import option
from lengthwise.tasks.languages.automaton import Automaton
from lengthwise.tasks.languages.regular_language import RegularLanguage
from lengthwise.tasks.task import Task


class DyckBounded(RegularLanguage):
    """The brackets that may follow, where brackets nest up to a depth (arXiv 2410.02140)."""

    class Options(Task.Options):
        depth: int = option(4, at_least=1, at_most=100)
        """Largest number of brackets that are open."""

    options: Options

    @property
    def automaton(self) -> Automaton:
        """The automaton that counts open brackets."""
        return _brackets(self.options.depth)


@lru_cache
def _brackets(depth: int) -> Automaton:
    """Make the automaton of brackets that nest up to ``depth``."""
    states = list(map(str, range(depth + 1)))
    arrows: dict[str, dict[str, str]] = {state: {} for state in states}
    for one, other in pairwise(states):
        arrows[one]["("] = other
        arrows[other][")"] = one
    return Automaton.of("()", arrows, accepting=["0"])
