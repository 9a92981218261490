"""Addition, by default of two numbers with all digits least significant first (arXiv 2402.09371, arXiv 2405.20671).

A sequence is ``a + b = c``, in the formats of :mod:`~lengthwise.tasks.arithmetic.calculation`: by default two numbers
of n digits, padded with zeros, and their sum of n + 1 digits, without an end token. A length is 3 n + 3, the number of
tokens of this default format, in every format and for any number of operands, so that equal lengths have equal digits.

In training, each number has 1 to n digits before padding, uniformly, and there are 2 to ``operands`` numbers,
uniformly. In validation, all ``operands`` numbers have n digits. On the split ``carries``, one carry goes through all n
digits: it begins at the least significant place, and at every other place the digits add up to the largest digit, 9 by
default. The sum of k numbers has as many digits more than n as k − 1 has.

The formats of the literature, all with ``end=true``:

- Position coupling (arXiv 2405.20671, 1–30 digits, tested to 200): ``reverse_operands=false``. The authors pad to the
  longer number of an example, not of a batch.
- Index hints (arXiv 2402.09371, 1–40 digits, tested to 100): ``hints=random``, among 102 symbols.
- Several operands (arXiv 2410.15787, 1–10 digits and 2–5 operands, tested at 11–15 and 6–7): ``operands=5``, evaluated
  on ``validation[operands=6]``. The authors give the operands as many digits as the sum.
"""

from types import MappingProxyType
from typing import ClassVar

import torch
import torch.nn.functional as F

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.arithmetic.calculation import Calculation, Numbers
from lengthwise.tasks.arithmetic.digits import carried, digits_of, numbers
from lengthwise.tasks.drawing import constant, counted, integers


class Addition(Calculation):
    """Numbers and their sum, digit by digit (arXiv 2402.09371)."""

    operation: ClassVar[str] = "+"
    unit: ClassVar[str] = "tokens"
    stride: ClassVar[int] = 3
    shortest: ClassVar[int] = 6
    splits: ClassVar[tuple[str, ...]] = ("train", "validation", "carries")
    trained_from = MappingProxyType({"operands": 2})

    class Options(Calculation.Options):
        operands: int = option(2, at_least=2)
        """How many numbers are added; in training, from 2 on."""

    options: Options

    def check_length(self, length: int) -> None:
        """Refuse lengths other than 3 for each digit and 3 more, and those that need more hints than there are."""
        if length < 6 or length % 3:
            raise InputError(
                f"An addition of n digits has 3 n + 3 tokens: 6, 9, 12 and so on; got a length of {length}."
            )
        super().check_length(length)

    def digits(self, length: int) -> tuple[int, ...]:
        """Return the number of digits of each number and of the sum."""
        digits, operands = length // 3 - 1, self.options.operands
        return (*[digits] * operands, digits + digits_of(operands - 1, self.options.base))

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Numbers:
        """Draw numbers, and add them."""
        *widths, total = self.digits(length)
        digits, base, operands = widths[0], self.options.base, self.options.operands
        shorter = split == "train"
        drawn = [numbers(generator, base, batch_size, digits, shorter=shorter) for _ in range(operands)]
        if split == "carries":
            first, second, *others = drawn
            second[:, 1:] = base - 1 - first[:, 1:]
            first[:, 0] = least = integers(generator, base, batch_size, least=1)
            share = torch.rand(batch_size, generator=generator, dtype=torch.float32, device="cpu")
            second[:, 0] = base - least + (share * least).long()
            for other in others:  # a part of the second number, so that the sum stays
                other %= second + 1
                second -= other
        count = constant(operands, batch_size, 1)
        if split == "train" and operands > 2:
            count = integers(generator, operands + 1, batch_size, 1, least=2)
        there = counted(operands) < count
        summed = (torch.stack(drawn, dim=2) * there[:, None]).sum(2)
        more = torch.tensor([digits_of(most, base) for most in range(operands)], dtype=torch.long, device="cpu")
        return Numbers(
            operands=tuple(drawn),
            result=carried(F.pad(summed, (0, total - digits)), base),
            places=torch.cat([digits * there, digits + more[count - 1]], dim=1),
        )
