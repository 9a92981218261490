"""Solvers of formal languages, by regular expressions of Python, and of groups, by permuting five things."""

import re
from functools import cache
from itertools import groupby, permutations

from tests.tasks.solvers.solver import Solver, between

BOUNDED = r"(\((\((\((\(\))*\))*\))*\))*"
ENDS = ["", "e", "de", "cde", "bcde"]
LANGUAGES: dict[str, tuple[str, str, list[str], list[str]]] = {
    "tomita-1": ("01", "1*", [""], ["1$"]),
    "tomita-2": ("01", "(10)*", ["", "0"], ["1$", "0"]),
    "tomita-3": ("01", "0*((11)+0+|1(11)*(00)+)*1*", ["", "0"], ["01$", "0"]),
    "tomita-4": ("01", "(?!.*000)[01]*", [""], ["01$", "1$"]),
    "tomita-5": ("01", "(?=1*(01*01*)*$)(?=0*(10*10*)*$).*", ["", "0", "1", "01"], ["01$", "01"]),
    "tomita-6": ("01", "(01|10|(00|1)(10)*(0|11))*", ["", "0", "1"], ["01$", "01"]),
    "tomita-7": ("01", "0*1*0*1*", [""], ["01$", "1$"]),
    "dyck-bounded": ("()", BOUNDED, ["", ")", "))", ")))", "))))"], ["($", "()", ")"]),
    "aa-star": ("a", "(aa)*", ["", "a"], ["a$", "a"]),
    "aaaa-star": ("a", "(aaaa)*", ["", "a", "aa", "aaa"], ["a$", "a"]),
    "abab-star": ("ab", "(abab)*", ["", "b", "ab", "bab"], ["a$", "b", "a"]),
    "abcde-blocks": ("abcde", "a+b+c+d+e+", ENDS, ["a", "ab", "bc", "cd", "de", "e$"]),
    "one-d": ("abcd", "[ab]*d[bc]*", ["", "d"], ["abd", "bc$"]),
    "zero-twos": ("012", "[012]*02*", ["", "0"], ["012", "012$"]),
}
"""For each language: its symbols, an expression, strings that complete any prefix, and what may follow, by class."""


def follows(name: str) -> Solver:
    """The symbols that may follow are those after which one of the strings completes a member; ``$`` is the end."""
    symbols, expression, completions, sets = LANGUAGES[name]
    member = re.compile(expression).fullmatch

    @cache
    def label(prefix: str) -> int:
        found = "".join(one for one in symbols if any(member(prefix + one + rest) for rest in completions))
        return sets.index(found + "$" * bool(member(prefix)))

    def solve(tokens: list[int]) -> list[int]:
        string = "".join(symbols[token] for token in tokens[1:])
        return [label(string[:end]) for end in range(len(tokens))]

    return solve


def dyck(tokens: list[int]) -> list[int]:
    """With two kinds of brackets: the tokens 0 and 1 open, 2 and 3 close them."""
    stack = [2]
    labels = [2]
    for token in tokens[1:]:
        if token < 2:
            stack.append(token)
        else:
            assert stack.pop() == token - 2
        labels.append(stack[-1])
    assert stack == [2]
    return labels


def alternation(tokens: list[int]) -> list[int]:
    runs = [list(run) for _, run in groupby(tokens[1:])]
    assert tokens[1] == 0
    assert len(runs) == 4
    return [int(number == 3) for number, run in enumerate(runs) for _ in run]


def group_word(tokens: list[int]) -> list[int]:
    """In A5. A permutation is even if it takes an even number of swaps to sort five things."""

    def swaps(order: tuple[int, ...]) -> int:
        things, count = list(order), 0
        for place in range(5):
            while things[place] != place:
                to = things[place]
                things[place], things[to] = things[to], things[place]
                count += 1
        return count

    even = [order for order in permutations(range(5)) if swaps(order) % 2 == 0]
    reached, products = [0, 1, 2, 3, 4], []
    for token in tokens[1:]:
        reached = [even[token][place] for place in reached]
        products.append(even.index(tuple(reached)))
    return products


def cycle_navigation(tokens: list[int]) -> list[int]:
    place = 0
    for step in between(tokens, 5):
        place = {0: [4, 0, 1, 2, 3][place], 1: place, 2: [1, 2, 3, 4, 0][place]}[step]
    return [place, 7]


SOLVERS: dict[str, Solver] = {
    **{name: follows(name) for name in LANGUAGES},
    "dyck": dyck,
    "alternation": alternation,
    "group-word": group_word,
    "cycle-navigation": cycle_navigation,
}
