"""ListOps: the value of nested operations on lists of digits (arXiv 1804.06028; Long Range Arena, arXiv 2011.04006).

An expression is a digit, or ``[OPERATOR expression … ]`` with two arguments or more. The operators are minimum,
maximum, median (of an even number of digits, the mean of the middle two, rounded down), and sum modulo 10.

The code of Long Range Arena draws each argument by itself: with probability 1/4 an expression with an operator, unless
the operators are nested too deeply, and otherwise a digit. Operators, digits and the number of arguments are uniform.
It then keeps expressions of a range of lengths. This task draws from the same distribution, given one length: first it
counts how likely each length is for each number of arguments, and then it draws the lengths of the arguments. The
authors train and test on 500 to 2,000 symbols, with up to 10 arguments and up to 9 nested operators (``max_depth`` is
10). The authors of arXiv 2506.14095 have 500 to 600.
"""

from array import array
from bisect import bisect
from collections.abc import Callable
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.drawing import integers, uniform
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


def _median(digits: list[int]) -> int:
    ordered, half = sorted(digits), len(digits) // 2
    return (ordered[half] + ordered[~half]) // 2  # as far from the end as from the beginning


OPERATIONS: dict[str, Callable[[list[int]], int]] = {
    "MIN": min,
    "MAX": max,
    "MED": _median,
    "SM": lambda digits: sum(digits) % 10,
}
OPEN, CLOSE = 10, 14
"""The first operator, behind the digits, and the bracket behind the arguments."""
NESTED = 0.25
"""Probability that an argument has an operator."""
LIKELY = 1e-150
"""Smallest probability of a length at which the probabilities of its parts are exact."""


class Listops(Transduction):
    """The value of nested operations on lists of digits (arXiv 1804.06028)."""

    shortest: ClassVar[int] = 4
    symbols = 15

    class Options(Task.Options):
        depth: int = option(9, at_least=1)
        """Largest number of nested operators."""
        arguments: int = option(10, at_least=4)
        """Largest number of arguments of an operator; from 4 on, expressions have every length up to the longest."""

    options: Options

    @property
    def names(self) -> tuple[str, ...]:
        """The digits, the operators, the bracket, and the three tokens around source and answer."""
        return (*map(str, range(10)), *(f"[{name}" for name in OPERATIONS), "]", "<begin>", "<separator>", "<end>")

    def answer_length(self, length: int) -> int:
        """Return 1: the answer is a digit."""
        return 1

    def check_length(self, length: int) -> None:
        """Refuse also a length that so few nested operators cannot have."""
        super().check_length(length)
        longest = 1
        for _ in range(self.options.depth):
            longest = 2 + self.options.arguments * longest
        if length > longest:
            raise InputError(
                f"An expression with {self.options.depth} nested operators of {self.options.arguments} arguments has "
                f"up to {longest} symbols; got a length of {length}."
            )

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw expressions, and find their values.

        Raises:
            InputError: for a length so rare that its probability is below 1e-150.
        """
        depth, arguments, longest = self.options.depth, self.options.arguments, 1 << (length - 1).bit_length()
        if _chances(depth, arguments, longest)[1, length] < LIKELY:
            raise InputError(
                f"An expression of {length} symbols is too rare among those with {depth} nested operators of "
                f"{arguments} arguments; set a larger depth, more arguments or a shorter length."
            )
        text, values = _expressions(generator, batch_size, length, depth, arguments, longest)
        source, answer = (torch.frombuffer(of, dtype=torch.long) for of in (text, values))
        return Drawn(source.view(batch_size, length), answer[:, None])


def _expressions(
    generator: torch.Generator, count: int, length: int, depth: int, arguments: int, longest: int
) -> tuple["array[int]", "array[int]"]:
    """Draw expressions of up to ``depth`` nested operators, one behind the other, and find their values."""
    chances = iter(uniform(generator, count * length).tolist())
    digits, operators = (iter(integers(generator, of, count * length).tolist()) for of in (10, len(OPERATIONS)))
    operations, text = list(OPERATIONS.values()), array("q")

    def write(depth: int, length: int) -> int:
        """Write an expression, and return its value."""
        if length == 1:
            text.append(digit := next(digits))
            return digit
        operator, rest, values = next(operators), length - 2, []
        text.append(OPEN + operator)
        for left in range(2 + bisect(_counts(depth - 1, arguments, longest, rest), next(chances)), 1, -1):
            size = 1 + bisect(_sizes(depth - 1, arguments, longest, left, rest), next(chances))
            values.append(write(depth - 1, size))
            rest -= size
        values.append(write(depth - 1, rest))
        text.append(CLOSE)
        return operations[operator](values)

    return text, array("q", [write(depth, length) for _ in range(count)])


@lru_cache(maxsize=64)
def _chances(depth: int, arguments: int, longest: int) -> np.ndarray:
    """Return ``[m, n]``: how likely m expressions of up to ``depth`` nested operators have n symbols in all."""
    one = np.zeros(longest + 1)
    one[1] = 1 - NESTED if depth else 1
    if depth:
        one[2:] = NESTED * _chances(depth - 1, arguments, longest)[2:, :-2].mean(0)
    chances = np.zeros((arguments + 1, longest + 1))
    chances[0, 0] = 1
    for m in range(1, arguments + 1):
        chances[m] = np.convolve(chances[m - 1], one)[: longest + 1]
    return chances


@lru_cache(maxsize=4096)
def _counts(depth: int, arguments: int, longest: int, symbols: int) -> "array[float]":
    """Return the bounds of the number of arguments, from 2 on, that have so many symbols in all."""
    return _bounds(_chances(depth, arguments, longest)[2:, symbols])


@lru_cache(maxsize=4096)
def _sizes(depth: int, arguments: int, longest: int, left: int, symbols: int) -> "array[float]":
    """Return the bounds of the length, from 1 on, of the first of ``left`` arguments that have so many symbols."""
    chances = _chances(depth, arguments, longest)
    return _bounds(chances[1, 1 : symbols + 1] * chances[left - 1, symbols - 1 :: -1])


def _bounds(weights: np.ndarray) -> "array[float]":
    """Return where each weight ends if the weights, one behind the other, fill the interval from 0 to 1."""
    bounds = weights.cumsum()
    return array("d", (bounds / bounds[-1]).tobytes())  # in which bisect finds a place faster
