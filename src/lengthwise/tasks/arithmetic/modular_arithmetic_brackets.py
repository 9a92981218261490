"""Modular arithmetic with brackets: the value of ``((1-2)+(-3))`` modulo 5 (arXiv 2207.02098).

An expression of 1 to 4 symbols is ``d``, ``-d``, ``(d)`` or ``(-d)``, for a number d that is uniform from 0 to 4. A
longer one is ``(left operator right)``: the left expression has 1 to n − 4 of n symbols, uniformly, the right one has
the others, and the operator is ``+`` or ``-``, uniformly. The authors train on lengths from 1 to 40 and test to 500.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.options import option
from lengthwise.tasks.drawing import constant, counted, integers, uniform
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
        return Drawn(source, value[:, None])


def expressions(
    generator: torch.Generator, batch_size: int, length: int, modulus: int, operators: int
) -> tuple[Int[Tensor, "batch {length}"], Int[Tensor, " batch"]]:
    """Draw expressions with brackets, and find their values.

    From ``modulus`` on, the symbols are the first ``operators`` out of ``+``, ``-`` and ``*``, then ``(`` and ``)``.
    """
    plus, minus, times, opened, closed = modulus, modulus + 1, 2, modulus + operators, modulus + operators + 1
    spans, parted = _spans(generator, batch_size, length)
    text = constant(closed, batch_size * length)
    value = torch.empty_like(text)  # of an expression, where the expression begins
    text[spans[0]] = opened
    start, size = spans[:, spans[1] < 5]
    number, place, negative = integers(generator, modulus, len(start)), start + size // 2, 1 - size % 2
    text[place - negative] = minus  # where there is none, the number comes over it
    text[place] = number
    value[start] = number * (1 - 2 * negative) % modulus
    for start, inner in reversed(parted):
        operator, (first, second) = integers(generator, operators, len(start)), value[inner]
        text[inner[1] - 1] = plus + operator
        result = first + second * (1 - 2 * operator)
        if times < operators:
            result = torch.where(operator == times, first * second, result)
        value[start] = result % modulus
    return text.view(batch_size, length), value[::length]


def _spans(
    generator: torch.Generator, batch_size: int, length: int
) -> tuple[Int[Tensor, "2 expressions"], list[tuple[Tensor, Tensor]]]:
    """Draw the lengths of the expressions within the others, all that are equally deep in brackets at once.

    Returns:
        The starts and the lengths of all expressions, in the examples one behind the other; and by depth, the starts of
        those with an operator, (count,), and the starts of their left and right expressions, (2, count).
    """
    spans, parted = [torch.stack([counted(batch_size) * length, constant(length, batch_size)])], []
    while len(longer := (spans[-1][1] > 4).nonzero()[:, 0]):
        start, size = spans[-1][:, longer]
        left = 1 + (uniform(generator, len(longer)) * (size - 4)).long()
        inner = torch.stack([start + 1, start + left + 2])
        spans.append(torch.stack([*inner, left, size - left - 3]).view(2, -1))
        parted.append((start, inner))
    return torch.cat(spans, dim=1), parted
