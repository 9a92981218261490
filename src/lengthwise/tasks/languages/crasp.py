"""Whether a regular language is in C-RASP, which predicts that a transformer generalises to longer strings.

C-RASP programs compare counts of earlier positions (arXiv 2410.02140; without positional encodings). The criterion is
that of arXiv 2608.13433, appendix J: a language is in C-RASP if, in every strongly connected component of its minimal
automaton, counts that stay bounded tell all states apart. Such a count gives a number to each letter, so that the sum
over any loop is zero; then it tells how far apart two states are. States that are told apart give more letters to count
(Lemma 88), until nothing changes.

Programs decide behind the last symbol, which they know by counts alone. So Σ*b is not in C-RASP, although a model that
sees the last symbol knows the answer. There is no such criterion for models with positional encodings (C-RASP[periodic,
local]), which also recognise languages such as (aa)*.
"""

from collections.abc import Sequence
from fractions import Fraction

from lengthwise.tasks.languages.automaton import Automaton


def in_crasp(automaton: Automaton) -> bool:
    """Return True if the language is in C-RASP: transformers without positional encodings generalise on it."""
    return all(_told_apart(automaton.transitions, component) for component in _components(automaton.transitions))


def _components(transitions: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the strongly connected components."""
    reach = [{state} for state in range(len(transitions))]
    changed = True
    while changed:
        changed = False
        for state, row in enumerate(transitions):
            wider = reach[state].union(*(reach[to] for to in row))
            changed |= len(wider) > len(reach[state])
            reach[state] = wider
    groups = {frozenset(to for to in reach[state] if state in reach[to]) for state in range(len(transitions))}
    return [sorted(group) for group in groups]


def _told_apart(transitions: Sequence[Sequence[int]], component: Sequence[int]) -> bool:
    """Return True if bounded counts tell all states of a component apart.

    A count is given by its values in the states: ``value[to] - value[state]`` is the number of the arrow's letter. So
    all arrows of one letter have the same difference. A letter is a symbol, read in one of the groups of states that
    former counts tell apart.
    """
    place = {state: number for number, state in enumerate(component)}
    group = [0] * len(component)
    while True:
        first: dict[tuple[int, int], list[int]] = {}
        equations = []
        for state, number in place.items():
            for symbol, to in enumerate(transitions[state]):
                if to in place:
                    step = [0] * len(component)
                    step[place[to]] += 1
                    step[number] -= 1
                    other = first.setdefault((symbol, group[number]), step)
                    equations.append([one - two for one, two in zip(step, other, strict=True)])
        counts = _solutions(equations, len(component))
        values = list(zip(group, *counts, strict=True))
        numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
        if len(numbers) in (len(component), len(set(group))):
            return len(numbers) == len(component)
        group = [numbers[value] for value in values]


def _solutions(equations: Sequence[Sequence[int]], unknowns: int) -> list[list[Fraction]]:
    """Return a basis of the solutions of homogeneous linear equations, by exact elimination."""
    rows: dict[int, list[Fraction]] = {}  # by their leading unknown, which is 1 there and 0 in all other rows
    for equation in equations:
        row = [Fraction(number) for number in equation]
        for place, other in rows.items():
            row = [one - row[place] * two for one, two in zip(row, other, strict=True)]
        if any(row):
            lead = next(place for place, number in enumerate(row) if number)
            row = [number / row[lead] for number in row]
            rows = {key: [a - old[lead] * b for a, b in zip(old, row, strict=True)] for key, old in rows.items()}
            rows[lead] = row
    free = [place for place in range(unknowns) if place not in rows]
    return [
        [-rows[place][chosen] if place in rows else Fraction(place == chosen) for place in range(unknowns)]
        for chosen in free
    ]
