"""Modular arithmetic with brackets: the value of ``((1-2)+(-3))`` modulo 5 (arXiv 2207.02098).

An expression of 1 to 4 symbols is ``d``, ``-d``, ``(d)`` or ``(-d)``, for a number d that is uniform from 0 to 4. A
longer one is ``(left operator right)``: the left expression has 1 to n − 4 of n symbols, uniformly, the right one has
the others, and the operator is ``+`` or ``-``, uniformly. The authors train on lengths from 1 to 40 and test to 500.
"""

import numpy as np
import torch
from jaxtyping import Int

from lengthwise.options import option
from lengthwise.tasks.drawing import integers, uniform
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class ModularArithmeticBrackets(Transduction):
    """The value of an expression with brackets, modulo 5 (arXiv 2207.02098)."""

    class Options(Task.Options):
        modulus: int = option(5, at_least=2)
        """The modulus, that is, the number of different numbers."""
        multiply: bool = False
        """True if there are products, too."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of numbers, operators and brackets."""
        return self.options.modulus + 4 + self.options.multiply

    def answer_length(self, length: int) -> int:
        """Return 1: the answer is a number."""
        return 1

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw expressions, and find their values."""
        operators = 2 + self.options.multiply
        source, value = expressions(generator, batch_size, length, self.options.modulus, operators)
        return Drawn(torch.from_numpy(source), torch.from_numpy(value)[:, None])


def expressions(
    generator: torch.Generator, batch_size: int, length: int, modulus: int, operators: int
) -> tuple[Int[np.ndarray, "batch {length}"], Int[np.ndarray, " batch"]]:
    """Draw expressions with brackets, and find their values.

    From ``modulus`` on, the symbols are the first ``operators`` out of ``+``, ``-`` and ``*``, then ``(`` and ``)``.
    """
    plus, minus, times, opened, closed = modulus, modulus + 1, 2, modulus + operators, modulus + operators + 1
    start, size, parted = _spans(generator, batch_size, length)
    text = np.full(batch_size * length, closed, dtype=np.int64)
    value = np.empty_like(text)  # of an expression, where the expression begins
    text[start] = opened
    simple = size < 5
    start, size = start[simple], size[simple]
    number = integers(generator, modulus, len(start)).numpy()
    place, negative = start + size // 2, size % 2 == 0
    text[place - negative] = minus  # where there is none, the number comes over it
    text[place] = number
    value[start] = np.where(negative, -number, number) % modulus
    for start, left, right in reversed(parted):
        operator = integers(generator, operators, len(start)).numpy()
        text[right - 1] = plus + operator
        first, second = value[left], value[right]
        result = first + second * (1 - 2 * operator)
        if times < operators:
            result = np.where(operator == times, first * second, result)
        value[start] = result % modulus
    return text.reshape(batch_size, length), value[::length]


def _spans(
    generator: torch.Generator, batch_size: int, length: int
) -> tuple[
    Int[np.ndarray, " expressions"],
    Int[np.ndarray, " expressions"],
    list[tuple[np.ndarray, np.ndarray, np.ndarray]],
]:
    """Draw the lengths of the expressions within the others, all that are equally deep in brackets at once.

    Returns:
        The starts and the lengths of all expressions, in the examples one behind the other; and by depth, the starts of
        those with an operator, and of their left and right expressions.
    """
    start, size = np.arange(0, batch_size * length, length), np.full(batch_size, length)
    starts, sizes, parted = [start], [size], []
    while len(longer := (size > 4).nonzero()[0]):
        start, size = start[longer], size[longer]
        width = 1 + (uniform(generator, len(start)).numpy() * (size - 4)).astype(np.int64)  # of the left expression
        left, right = start + 1, start + width + 2
        parted.append((start, left, right))
        start, size = np.concatenate([left, right]), np.concatenate([width, size - width - 3])
        starts.append(start)
        sizes.append(size)
    return np.concatenate(starts), np.concatenate(sizes), parted
