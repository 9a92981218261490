"""Repetitions of one word (arXiv 2009.11264, arXiv 2410.02140).

These languages have one member of a length. All examples of a length are the same, so one example is enough to evaluate
a model. No C-RASP program without positions recognises them (``lengthwise.tasks.languages.crasp``). The authors' public
settings train on lengths up to 100 for (aa)*, and up to 500 for the other two.
"""

from lengthwise.tasks.languages.automaton import Automaton
from lengthwise.tasks.languages.regular_language import RegularLanguage


def repetitions(word: str) -> Automaton:
    """Make the automaton of the repetitions of a word, from none on."""
    arrows = {str(place): {symbol: str((place + 1) % len(word))} for place, symbol in enumerate(word)}
    return Automaton.of(sorted(set(word)), arrows, accepting=["0"])


class AaStar(RegularLanguage):
    """(aa)*: whether the number of symbols is even (arXiv 2410.02140)."""

    automaton = repetitions("aa")


class AaaaStar(RegularLanguage):
    """(aaaa)*: the number of symbols modulo 4 decides (arXiv 2410.02140)."""

    automaton = repetitions("aaaa")


class AbabStar(RegularLanguage):
    """(abab)*: the number of symbols modulo 4 decides (arXiv 2410.02140)."""

    automaton = repetitions("abab")
