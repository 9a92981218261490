"""Multiplication of a number of N digits by one of M digits (arXiv 2405.20671, arXiv 2410.15787).

A sequence is ``a * b = c``, in the formats of :mod:`~lengthwise.tasks.arithmetic.calculation`: by default only the
product is reversed, numbers are padded with zeros to N, M and N + M digits, and an end token follows. The length is N;
M is ``second``, by default 1, or N.

In training, the first number has 1 to N digits before padding, and the second 1 to M, uniformly. In validation, they
have N and M digits. The authors train on 1–5 digits by 1 or 2, and test 10 (2405.20671); or on 1–10 by 1–4, and test
11–15 by 5–6 (2410.15787). They do not pad a and b, and where M is fixed they draw b uniformly from all numbers below
10^M. *N × 1* of arXiv 2310.11984 is the default; the authors train on 1–6 digits by 1 to 9.
"""

from types import MappingProxyType
from typing import ClassVar

import torch

from lengthwise.options import option
from lengthwise.tasks.arithmetic.calculation import Calculation, Numbers
from lengthwise.tasks.arithmetic.digits import numbers, product


class Multiplication(Calculation):
    """Two numbers and their product, digit by digit (arXiv 2405.20671)."""

    operation: ClassVar[str] = "*"
    unit: ClassVar[str] = "digits"
    stride: ClassVar[int] = 1
    splits: ClassVar[tuple[str, ...]] = ("train", "validation")
    trained_from = MappingProxyType({"second": 1})

    class Options(Calculation.Options):
        base: int = option(10, at_least=2, at_most=1000)
        """Base of the numbers, that is, the number of different digits."""
        reverse_operands: bool = False
        """False if only the product is reversed; without reverse, no number is."""
        end: bool = True
        """True if an end token follows the product; without padding, it always does."""
        second: int = option(1, at_least=0)
        """Number of digits of the second number; 0 for as many as the first has."""

    options: Options

    def digits(self, length: int) -> tuple[int, ...]:
        """Return the number of digits of the two numbers and of the product."""
        second = self.options.second or length
        return length, second, length + second

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Numbers:
        """Draw two numbers, and multiply them."""
        *widths, total = self.digits(length)
        base, shorter = self.options.base, split == "train"
        first, second = (numbers(generator, base, batch_size, digits, shorter=shorter) for digits in widths)
        places = torch.tensor([*widths, total], dtype=torch.long, device="cpu")
        return Numbers((first, second), product(first, second, base), places.expand(batch_size, -1))
