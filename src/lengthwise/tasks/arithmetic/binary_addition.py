"""Addition of two binary numbers of different lengths, without padding.

By default a sequence is that of arXiv 2410.02140, with the most significant bit first; the authors train on lengths up
to 50 and test to 150. Under ``little_endian`` it is that of arXiv 2207.02098, trained on 1–40 and tested to 500.
:mod:`~lengthwise.tasks.arithmetic.binary` defines both.
"""

from lengthwise.tasks.arithmetic.binary import BinaryCalculation


class BinaryAddition(BinaryCalculation):
    """The sum of two binary numbers (arXiv 2410.02140, arXiv 2207.02098)."""

    def calculate(self, first: int, second: int) -> int:
        """Add two numbers."""
        return first + second
