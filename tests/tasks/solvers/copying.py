"""Solvers of the tasks that rearrange symbols."""

from tests.tasks.solvers.solver import Solver, between


def copy(tokens: list[int]) -> list[int]:
    return [*between(tokens, 32), 34]


def reverse(tokens: list[int]) -> list[int]:
    return [*reversed(between(tokens, 32)), 34]


def unique_copy(tokens: list[int]) -> list[int]:
    source = between(tokens, 150)
    assert len(set(source)) == len(source)
    return [*source, 152]


def repeat_copy(tokens: list[int]) -> list[int]:
    return [*between(tokens, 2), 4]


def sort(tokens: list[int]) -> list[int]:
    return [*sorted(between(tokens, 32)), 34]


def duplicate_string(tokens: list[int]) -> list[int]:
    return between(tokens, 2) * 2 + [4]


def missing_duplicate(tokens: list[int]) -> list[int]:
    source = between(tokens, 3)
    half = len(source) // 2
    pairs = [{one, other} for one, other in zip(source[:half], source[half:], strict=True)]
    (missing,) = (pair - {2} for pair in pairs if 2 in pair)
    assert all(len(pair) == 1 for pair in pairs if 2 not in pair)
    return [*missing, 5]


def odds_first(tokens: list[int]) -> list[int]:
    source = between(tokens, 2)
    odd = [symbol for place, symbol in enumerate(source, start=1) if place % 2]
    even = [symbol for place, symbol in enumerate(source, start=1) if place % 2 == 0]
    return [*odd, *even, 4]


def stack_manipulation(tokens: list[int]) -> list[int]:
    stack: list[int] = []
    for token in between(tokens, 5):
        if token == 2:
            stack = stack[:-1]
        else:
            stack.append({0: 0, 1: 1, 3: 0, 4: 1}[token])
    return [*stack[::-1], 7]


def string_edit(tokens: list[int]) -> list[int]:
    edit, argument, *bits = between(tokens, 13)
    names = ["copy", "push", "pop", "shift", "unshift", "remove", "reverse", "duplicate", "flip", "flip-reverse"]
    flipped = [1 - bit for bit in bits]
    edited = {
        "copy": bits,
        "push": [*bits, argument],
        "pop": bits[:-1],
        "shift": bits[1:],
        "unshift": [argument, *bits],
        "remove": [bit for bit in bits if bit != argument],
        "reverse": bits[::-1],
        "duplicate": bits * 2,
        "flip": flipped,
        "flip-reverse": flipped[::-1],
    }
    name = names[edit - 3]
    assert (argument == 2) == (name not in ("push", "unshift", "remove"))
    return [*edited[name], 15]


SOLVERS: dict[str, Solver] = {
    "copy": copy,
    "reverse": reverse,
    "unique-copy": unique_copy,
    "repeat-copy": repeat_copy,
    "sort": sort,
    "duplicate-string": duplicate_string,
    "missing-duplicate": missing_duplicate,
    "odds-first": odds_first,
    "stack-manipulation": stack_manipulation,
    "string-edit": string_edit,
}
