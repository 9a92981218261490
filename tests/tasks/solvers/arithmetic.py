"""Solvers of the arithmetic tasks, by Python's own integers and its evaluation of expressions."""

import math
import operator
import statistics
from collections.abc import Callable
from itertools import pairwise

from tests.tasks.solvers.solver import Solver, between


def value(digits: list[int], base: int = 10) -> int:
    """The number with these digits, most significant first."""
    return sum(digit * base**place for place, digit in enumerate(reversed(digits)))


def addition(tokens: list[int]) -> list[int]:
    first, second = tokens[: tokens.index(10)], tokens[tokens.index(10) + 1 : tokens.index(11)]
    total = value(first[::-1]) + value(second[::-1])
    return [int(digit) for digit in f"{total:0{len(first) + 1}d}"][::-1]


def successor(tokens: list[int]) -> list[int]:
    digits = between(tokens, 10)
    return [*map(int, f"{value(digits) + 1:0{len(digits) + 1}d}"[::-1]), 12]


def multiplication(tokens: list[int]) -> list[int]:
    first, second = tokens[: tokens.index(10)], tokens[tokens.index(10) + 1 : tokens.index(11)]
    total = value(first) * value(second)
    return [*[int(digit) for digit in f"{total:0{len(first) + len(second)}d}"][::-1], 12]


def binary(operation: Callable[[int, int], int], *, little_endian: bool) -> Solver:
    order = -1 if little_endian else 1

    def solve(tokens: list[int]) -> list[int]:
        source = between(tokens, 3)
        numbers = source[: source.index(2)], source[source.index(2) + 1 :]
        result = operation(*(int("".join(map(str, number[::order])), 2) for number in numbers))
        return [*map(int, f"{result:b}"[::order]), 5]

    return solve


def square_root(tokens: list[int]) -> list[int]:
    bits = between(tokens, 2)
    root = math.isqrt(int("".join(map(str, bits)), 2))
    return [*map(int, f"{root:b}".zfill(math.ceil(len(bits) / 2))), 4]


def text(source: list[int], signs: str, modulus: int = 5) -> str:
    return "".join([*map(str, range(modulus)), *signs][token] for token in source)


def expression(signs: str) -> Solver:
    begin = 5 + len(signs)
    return lambda tokens: [eval(text(between(tokens, begin), signs)) % 5, begin + 2]


def solve_equation(tokens: list[int]) -> list[int]:
    left, right = text(between(tokens, 11), "+-()x=").split("=")
    [solution] = [x for x in range(5) if eval(left, {"x": x}) % 5 == int(right)]
    return [solution, 13]


def pairadd(tokens: list[int]) -> list[int]:
    digits = between(tokens, 11)
    return [sum(digit for flag, digit in pairwise(digits) if flag == 10) % 10, 13]


def listops(tokens: list[int]) -> list[int]:
    """By Python's own reading of nested calls."""
    calls = [*(f"{digit}," for digit in range(10)), "min([", "max([", "med([", "sm(["]
    source = "".join("])," if token == 14 else calls[token] for token in between(tokens, 15))
    known = {"med": lambda digits: int(statistics.median(digits)), "sm": lambda digits: sum(digits) % 10}
    return [eval(source, known)[0], 17]


SOLVERS: dict[str, Solver] = {
    "addition": addition,
    "successor": successor,
    "multiplication": multiplication,
    "binary-addition": binary(operator.add, little_endian=False),
    "binary-multiplication": binary(operator.mul, little_endian=True),
    "square-root": square_root,
    "modular-arithmetic": expression("+-*"),
    "modular-arithmetic-brackets": expression("+-()"),
    "solve-equation": solve_equation,
    "pairadd": pairadd,
    "listops": listops,
}
