"""Multiplication of two binary numbers of different lengths, least significant bit first (arXiv 2207.02098).

:mod:`~lengthwise.tasks.arithmetic.binary` defines the sequences. The authors train on lengths from 1 to 40 and test to
500; the lengths 1 and 2, at which their numbers and answers are made up, do not exist here.
"""

from lengthwise.tasks.arithmetic.binary import BinaryCalculation


class BinaryMultiplication(BinaryCalculation):
    """The product of two binary numbers (arXiv 2207.02098)."""

    class Options(BinaryCalculation.Options):
        little_endian: bool = True
        """True if the least significant bit comes first, and numbers can have zeros after their highest bit."""

    options: Options

    def calculate(self, first: int, second: int) -> int:
        """Multiply two numbers."""
        return first * second
