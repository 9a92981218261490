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
    text = constant(0, batch_size * length)
    value = _write(generator, text, counted(batch_size) * length, constant(length, batch_size), modulus, operators)
    return text.view(batch_size, length), value


def _write(
    generator: torch.Generator,
    text: Int[Tensor, " symbols"],
    start: Int[Tensor, " count"],
    length: Int[Tensor, " count"],
    modulus: int,
    operators: int,
) -> Int[Tensor, " count"]:
    """Write an expression at each start, and return the values: all that are equally deep in brackets at once."""
    plus, minus, opened, closed = modulus, modulus + 1, modulus + operators, modulus + operators + 1
    wide, short = length > 2, length < 5
    text[start[wide]], text[(start + length - 1)[wide]] = opened, closed
    value = integers(generator, modulus, len(start))
    at, negative = start + length // 2, short & (length % 2 == 0)
    text[at[short]] = value[short]
    text[at[negative] - 1] = minus
    value = torch.where(negative, -value, value) % modulus
    if short.all():
        return value
    start, length = start[~short], length[~short]
    left = 1 + (uniform(generator, len(start)) * (length - 4)).long()
    operator = integers(generator, operators, len(start))
    text[start + 1 + left] = plus + operator
    starts, lengths = torch.cat([start + 1, start + left + 2]), torch.cat([left, length - left - 3])
    first, second = _write(generator, text, starts, lengths, modulus, operators).chunk(2)
    results = torch.stack([first + second, first - second, first * second])
    value[~short] = results.gather(0, operator[None])[0] % modulus
    return value
