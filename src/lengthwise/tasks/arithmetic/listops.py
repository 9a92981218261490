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

OPERATIONS: dict[str, Callable[[list[int]], int]] = {
    "MIN": min,
    "MAX": max,
    "MED": lambda digits: (sorted(digits)[(len(digits) - 1) // 2] + sorted(digits)[len(digits) // 2]) // 2,
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
        writer = _Writer(generator, batch_size * length, arguments, longest)
        values = [[writer.write(depth, length)] for _ in range(batch_size)]
        source, answer = (torch.tensor(of, dtype=torch.long, device="cpu") for of in (writer.text, values))
        return Drawn(source.view(batch_size, length), answer)


class _Writer:
    """Writes random expressions into ``text``, one behind the other."""

    def __init__(self, generator: torch.Generator, symbols: int, arguments: int, longest: int) -> None:
        self.text: list[int] = []
        self._table = arguments, longest
        self._chances = iter(uniform(generator, symbols).tolist())
        self._digits, self._operators = (
            iter(integers(generator, of, symbols).tolist()) for of in (10, len(OPERATIONS))
        )
        self._operations = list(OPERATIONS.values())

    def write(self, depth: int, length: int) -> int:
        """Write an expression of up to ``depth`` nested operators, and return its value."""
        if length == 1:
            self.text.append(next(self._digits))
            return self.text[-1]
        operator, rest, values = next(self._operators), length - 2, []
        self.text.append(OPEN + operator)
        for left in range(2 + bisect(_counts(depth - 1, *self._table, rest), next(self._chances)), 1, -1):
            size = 1 + bisect(_sizes(depth - 1, *self._table, left, rest), next(self._chances))
            values.append(self.write(depth - 1, size))
            rest -= size
        values.append(self.write(depth - 1, rest))
        self.text.append(CLOSE)
        return self._operations[operator](values)


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
def _counts(depth: int, arguments: int, longest: int, symbols: int) -> np.ndarray:
    """Return the bounds of the number of arguments, from 2 on, that have so many symbols in all."""
    return _bounds(_chances(depth, arguments, longest)[2:, symbols])


@lru_cache(maxsize=4096)
def _sizes(depth: int, arguments: int, longest: int, left: int, symbols: int) -> np.ndarray:
    """Return the bounds of the length, from 1 on, of the first of ``left`` arguments that have so many symbols."""
    chances = _chances(depth, arguments, longest)
    return _bounds(chances[1, 1 : symbols + 1] * chances[left - 1, symbols - 1 :: -1])


def _bounds(weights: np.ndarray) -> np.ndarray:
    """Return where each weight ends if the weights, one behind the other, fill the interval from 0 to 1."""
    bounds = weights.cumsum()
    return bounds / bounds[-1]
