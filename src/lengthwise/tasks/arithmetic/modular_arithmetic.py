"""Modular arithmetic without brackets: the value of ``1 + 2 * 3 - 4 …`` modulo 5 (arXiv 2207.02098).

A source alternates between numbers, uniform from 0 to 4, and the operators ``+``, ``-`` and ``*``, uniform; ``*``
comes before the others. The length counts numbers and operators, so that it is odd. The authors train on lengths from 1
to 40 and test to 500.
"""

from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.drawing import constant, integers
from lengthwise.tasks.machine import MooreMachine
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction

PLUS, MINUS, TIMES = range(3)


class ModularArithmetic(Transduction):
    """The value of an expression without brackets, modulo 5 (arXiv 2207.02098)."""

    stride: ClassVar[int] = 2

    class Options(Task.Options):
        modulus: int = option(5, at_least=2)
        """The modulus, that is, the number of different numbers."""
        multiply: bool = True
        """True if there are products."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of numbers and operators."""
        return self.options.modulus + 2 + self.options.multiply

    def check_length(self, length: int) -> None:
        """Refuse even lengths."""
        if length < 1 or length % 2 == 0:
            raise InputError(
                f"An expression of n numbers and n - 1 operators has 1, 3, 5 or more symbols; got a length of {length}."
            )

    def answer_length(self, length: int) -> int:
        """Return 1: the answer is a number."""
        return 1

    @property
    def machine(self) -> MooreMachine:
        """The sum of the terms before the last one, the last term, and the operator that waits for a number."""
        modulus, operators = self.options.modulus, self.symbols - self.options.modulus

        def moves(state: tuple[int, int, int | None]) -> dict[int, tuple[int, int, int | None]]:
            total, term, operator = state
            if operator is None:
                return {modulus + following: (total, term, following) for following in range(operators)}
            if operator == TIMES:
                return {number: (total, term * number % modulus, None) for number in range(modulus)}
            sign = -1 if operator == MINUS else 1
            return {number: ((total + term) % modulus, sign * number % modulus, None) for number in range(modulus)}

        def answer(state: tuple[int, int, int | None]) -> int | None:
            total, term, operator = state
            return (total + term) % modulus if operator is None else None

        return self.asked_at_the_end((0, 0, PLUS), moves, answer)

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw expressions, and find their values."""
        modulus = self.options.modulus
        numbers = integers(generator, modulus, batch_size, length // 2 + 1)
        operators = integers(generator, self.symbols - modulus, batch_size, length // 2)
        source = constant(0, batch_size, length)
        source[:, ::2], source[:, 1::2] = numbers, modulus + operators
        return Drawn(source, _value(numbers, operators, modulus)[:, None])


def _value(
    numbers: Int[Tensor, "batch numbers"], operators: Int[Tensor, "batch operators"], modulus: int
) -> Int[Tensor, " batch"]:
    """Return the value of each expression: a sum of terms, of which the last grows as long as it is multiplied."""
    total, (term, *others) = constant(0, len(numbers)), numbers.unbind(1)
    for operator, number in zip(operators.unbind(1), others, strict=True):
        times = operator == TIMES
        total = torch.where(times, total, total + term)
        term = torch.where(times, term * number % modulus, torch.where(operator == MINUS, -number, number))
    return (total + term) % modulus
