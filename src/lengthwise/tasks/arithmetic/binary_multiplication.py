"""Multiplication of two binary numbers of different lengths, least significant bit first (arXiv 2207.02098).

:mod:`~lengthwise.tasks.arithmetic.binary` defines the sequences. The authors train on lengths from 1 to 40 and test to
500; the lengths 1 and 2, at which their numbers and answers are made up, do not exist here.
"""

from jaxtyping import Int
from torch import Tensor

from lengthwise.tasks.arithmetic.binary import BinaryCalculation
from lengthwise.tasks.arithmetic.digits import product


class BinaryMultiplication(BinaryCalculation):
    """The product of two binary numbers (arXiv 2207.02098)."""

    class Options(BinaryCalculation.Options):
        little_endian: bool = True
        """True if the least significant bit comes first, and numbers can have zeros after their highest bit."""

    options: Options

    def calculate(
        self, first: Int[Tensor, "batch bits"], second: Int[Tensor, "batch bits"]
    ) -> Int[Tensor, "batch bits+1"]:
        """Multiply two numbers, which together have one bit more than there is room for in one of them."""
        return product(first, second, base=2)[:, : first.shape[1] + 1]
