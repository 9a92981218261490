"""Three star-free languages (arXiv 2009.11264, arXiv 2410.02140).

In the authors' data, the number of symbols before the *d* and before the last 0 is uniform. Members are uniform here,
so that the place of the *d* is uniform, too; but the last 0 is near the end, because most members end so. The authors'
labels of the third language depend on the place of the last 0, which later symbols decide; here, a label depends on its
prefix alone. The lengths are those of all their regular languages (``regular_language``).
"""

from lengthwise.tasks.languages.automaton import Automaton
from lengthwise.tasks.languages.regular_language import RegularLanguage


class AbcdeBlocks(RegularLanguage):
    """aa*bb*cc*dd*ee*: a block of each letter in the order of the alphabet (arXiv 2410.02140)."""

    automaton = Automaton.of(
        "abcde",
        {
            "": {"a": "a"},
            **{one: {one: one, other: other} for one, other in zip("abcd", "bcde", strict=True)},
            "e": {"e": "e"},
        },
        accepting=["e"],
    )


class OneD(RegularLanguage):
    """{a,b}*d{b,c}*: one d, only a and b before it, and only b and c after it (arXiv 2410.02140)."""

    automaton = Automaton.of(
        "abcd",
        {"before": {"a": "before", "b": "before", "d": "after"}, "after": {"b": "after", "c": "after"}},
        accepting=["after"],
    )


class ZeroTwos(RegularLanguage):
    """{0,1,2}*02*: the last symbol that is not a 2 is a 0 (arXiv 2410.02140)."""

    automaton = Automaton.of(
        "012", {"no": {"0": "yes", "1": "no", "2": "no"}, "yes": {"0": "yes", "1": "no", "2": "yes"}}, ["yes"]
    )
