"""The base of tasks that calculate with two binary numbers of different lengths: ``first sign second = result``.

The numbers of bits are uniform among those that fill the length. Two forms come from two papers:

- The most significant bit first (arXiv 2410.02140): a number of several bits begins with 1, a single bit can be 0. The
  length counts the symbols of the numbers, the sign, and ``=``.
- The least significant bit first (``little_endian``, arXiv 2207.02098): a number of n bits is uniform from 1 to
  2^n − 1, so that it can have zeros at its end. The length counts the symbols of the numbers and the sign. The authors
  give the model places for the answer; here the model writes the answer itself.

The result has no zeros in front. Bits of one significance share a mark.
"""

from abc import abstractmethod

import numpy as np
import torch
from jaxtyping import Int

from lengthwise.errors import InputError
from lengthwise.tasks.arithmetic.bits import whole, written
from lengthwise.tasks.batch import UNASKED
from lengthwise.tasks.drawing import integers, uniform
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction

SIGN = 2


def highest_bits(generator: torch.Generator, bits: Int[np.ndarray, "*shape"]) -> Int[np.ndarray, "*shape"]:
    """Draw the place of the highest 1 of a number that is uniform from 1 to 2^bits − 1.

    The highest place is it with probability 1/2, the next with 1/4, and so on, given that there is one.
    """
    share = uniform(generator, *bits.shape).numpy() * (1 - 0.5**bits)
    return bits - 1 + np.ceil(np.log2(1 - share)).astype(np.int64)


class BinaryCalculation(Transduction):
    """Base of tasks that calculate with two binary numbers; a subclass calculates the result."""

    class Options(Task.Options):
        little_endian: bool = False
        """True if the least significant bit comes first, and numbers can have zeros after their highest bit."""

    options: Options
    symbols = 3

    @abstractmethod
    def calculate(self, first: int, second: int) -> int:
        """Calculate the result."""

    def check_length(self, length: int) -> None:
        """Refuse lengths without a bit for each number."""
        least = 3 if self.options.little_endian else 4
        if length < least:
            signs = "a sign" if self.options.little_endian else "two signs"
            raise InputError(
                f"A sequence of {type(self).__name__} has {least} or more symbols, {signs} and two bits; "
                f"got a length of {length}."
            )

    def source_length(self, length: int) -> int:
        """Return the number of symbols of the two numbers with the sign between them."""
        return length if self.options.little_endian else length - 1

    def answer_length(self, length: int) -> int:
        """Return the largest number of bits of a result."""
        return self.source_length(length) - 1

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw two numbers, and calculate the result."""
        symbols = self.source_length(length)
        width, row = symbols - 2, np.arange(batch_size)[:, None]
        bits = integers(generator, symbols - 1, batch_size, 1, least=1).numpy()
        both = self._numbers(generator, np.concatenate([bits, symbols - 1 - bits], axis=1), width)
        each = whole(both[..., ::-1].reshape(-1, width))
        results = list(map(self.calculate, each[::2], each[1::2]))
        result = written(results, symbols - 1)[:, ::-1]
        # Bits stand in the order of their marks. The sign, and what follows a short result, has mark 0.
        marks, behind = self._marks(bits, symbols), np.arange(symbols) > bits
        own = self._answer_marks(np.array([[max(1, number.bit_length())] for number in results]), symbols - 1)
        source = np.where(marks, both.reshape(batch_size, -1)[row, marks - 1 + width * behind], SIGN)
        answer = np.where(own, result[row, own - 1], UNASKED)
        both_marks = torch.from_numpy(marks), torch.from_numpy(own)
        return Drawn(torch.from_numpy(source), torch.from_numpy(answer), both_marks)

    def _numbers(
        self, generator: torch.Generator, bits: Int[np.ndarray, "batch 2"], width: int
    ) -> Int[np.ndarray, "batch 2 width"]:
        """Draw numbers of given numbers of bits, least significant bit first."""
        number, place = integers(generator, 2, *bits.shape, width).numpy(), np.arange(width)
        if self.options.little_endian:
            highest = highest_bits(generator, bits)[..., None]
            sure = place == highest
        else:
            highest = bits[..., None] - 1
            sure = (place == highest) & (place > 0)
        return (number | sure) * (place <= highest)

    def _marks(self, bits: Int[np.ndarray, "batch 1"], symbols: int) -> Int[np.ndarray, "batch symbols"]:
        """Return the significance of each symbol of the source in its number, counted from 1; 0 for the sign."""
        along = np.arange(symbols)
        if self.options.little_endian:
            return np.where(along < bits, along + 1, along - bits)
        return np.where(along > bits, symbols - along, bits - along)

    def _answer_marks(self, bits: Int[np.ndarray, "batch 1"], width: int) -> Int[np.ndarray, "batch width"]:
        """Return the significance of each bit of the answer, counted from 1; 0 after them."""
        along = np.arange(width)
        return (along + 1) * (along < bits) if self.options.little_endian else (bits - along).clip(0)

    def largest_mark(self, length: int) -> int:
        """Return the largest significance of a bit of a result."""
        return self.answer_length(length)
