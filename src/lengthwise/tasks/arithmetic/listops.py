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

from collections.abc import Callable, Iterator
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
DIGIT, OPEN, CLOSE = 0, 10, 14
"""The first digit, the first operator, and the bracket behind the arguments."""
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
        depth, arguments = self.options.depth, self.options.arguments
        chances = _chances(depth, arguments, 1 << (length - 1).bit_length())
        if chances[depth, 1, length] < LIKELY:
            raise InputError(
                f"An expression of {length} symbols is too rare among those with {depth} nested operators of "
                f"{arguments} arguments; set a larger depth, more arguments or a shorter length."
            )
        draws = uniform(generator, batch_size, 2 * length).tolist()
        shapes = [list(_shape(chances, depth, length, iter(row))) for row in draws]
        shape = torch.tensor(shapes, dtype=torch.long, device="cpu")
        digits, operators = (integers(generator, kinds, batch_size, length) for kinds in (10, len(OPERATIONS)))
        source = torch.where(shape == DIGIT, digits, torch.where(shape == OPEN, OPEN + operators, shape))
        values = [[_value(row)] for row in source.tolist()]
        return Drawn(source, torch.tensor(values, dtype=torch.long, device="cpu"))


@lru_cache(maxsize=4)
def _chances(depth: int, arguments: int, longest: int) -> np.ndarray:
    """Return ``[d, m, n]``: how likely m expressions of up to d nested operators have n symbols in all."""
    chances = np.zeros((depth + 1, arguments + 1, longest + 1))
    chances[:, 0, 0] = 1
    for d in range(depth + 1):
        one = np.zeros(longest + 1)
        one[1] = 1 - NESTED if d else 1
        if d:
            one[2:] = NESTED * chances[d - 1, 2:, :-2].mean(0)
        for m in range(1, arguments + 1):
            chances[d, m] = np.convolve(chances[d, m - 1], one)[: longest + 1]
    return chances


def _shape(chances: np.ndarray, depth: int, length: int, draws: Iterator[float]) -> Iterator[int]:
    """Yield the symbols of an expression, with one number for all digits and one for all operators."""
    if length == 1:
        yield DIGIT
        return
    yield OPEN
    rest, inner = length - 2, chances[depth - 1]
    for left in range(2 + _drawn(inner[2:, rest], draws), 0, -1):
        size = 1 + _drawn(inner[1, 1 : rest + 1] * inner[left - 1, rest - 1 :: -1], draws)
        yield from _shape(chances, depth - 1, size, draws)
        rest -= size
    yield CLOSE


def _drawn(weights: np.ndarray, draws: Iterator[float]) -> int:
    """Return an index with a probability proportional to its weight."""
    bounds = weights.cumsum()
    return int(bounds.searchsorted(next(draws) * bounds[-1], side="right"))


def _value(source: list[int]) -> int:
    """Return the value of an expression."""
    operations = list(OPERATIONS.values())
    lists: list[list[int]] = [[]]
    for symbol in source:
        if symbol < OPEN:
            lists[-1].append(symbol)
        elif symbol < CLOSE:
            lists.append([symbol])
        else:
            operator, *digits = lists.pop()
            lists[-1].append(operations[operator - OPEN](digits))
    return lists[0][0]
