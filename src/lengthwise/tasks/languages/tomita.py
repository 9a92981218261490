"""The seven languages of Tomita over 0 and 1 (arXiv 2009.11264, arXiv 2410.02140).

States have the names of strings that lead to them, or of what has been read. The authors' lengths are those of all
their regular languages (``regular_language``).
"""

from lengthwise.tasks.languages.automaton import Automaton
from lengthwise.tasks.languages.regular_language import RegularLanguage


class Tomita1(RegularLanguage):
    """Tomita 1: 1*, where the same symbols may follow every prefix (arXiv 2410.02140)."""

    automaton = Automaton.of("01", {"": {"1": ""}}, accepting=[""])


class Tomita2(RegularLanguage):
    """Tomita 2: (10)* (arXiv 2410.02140)."""

    automaton = Automaton.of("01", {"": {"1": "1"}, "1": {"0": ""}}, accepting=[""])


class Tomita3(RegularLanguage):
    """Tomita 3: after an odd run of ones, a run of zeros is even (arXiv 2410.02140)."""

    automaton = Automaton.of(
        "01",
        {
            "": {"0": "", "1": "odd"},
            "odd": {"0": "odd, odd", "1": ""},
            "odd, odd": {"0": "odd, even"},
            "odd, even": {"0": "odd, odd", "1": "odd"},
        },
        accepting=["", "odd", "odd, even"],
    )


class Tomita4(RegularLanguage):
    """Tomita 4: no three zeros in a row (arXiv 2410.02140)."""

    automaton = Automaton.of(
        "01",
        {"": {"0": "0", "1": ""}, "0": {"0": "00", "1": ""}, "00": {"1": ""}},
        accepting=["", "0", "00"],
    )


class Tomita5(RegularLanguage):
    """Tomita 5: an even number of zeros, and an even number of ones (arXiv 2410.02140)."""

    automaton = Automaton.of(
        "01",
        {
            "": {"0": "0", "1": "1"},
            "0": {"0": "", "1": "01"},
            "1": {"0": "01", "1": ""},
            "01": {"0": "1", "1": "0"},
        },
        accepting=[""],
    )


class Tomita6(RegularLanguage):
    """Tomita 6: the number of zeros minus the number of ones is a multiple of 3 (arXiv 2410.02140)."""

    automaton = Automaton.of(
        "01",
        {"0": {"0": "1", "1": "2"}, "1": {"0": "2", "1": "0"}, "2": {"0": "0", "1": "1"}},
        accepting=["0"],
    )


class Tomita7(RegularLanguage):
    """Tomita 7: 0*1*0*1* (arXiv 2410.02140)."""

    automaton = Automaton.of(
        "01",
        {
            "": {"0": "", "1": "1"},
            "1": {"0": "10", "1": "1"},
            "10": {"0": "10", "1": "101"},
            "101": {"1": "101"},
        },
        accepting=["", "1", "10", "101"],
    )
