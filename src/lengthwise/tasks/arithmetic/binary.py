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

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.tasks.arithmetic.digits import significant
from lengthwise.tasks.batch import UNASKED
from lengthwise.tasks.drawing import counted, integers, uniform
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction

SIGN = 2


def highest_bits(generator: torch.Generator, bits: Int[Tensor, "batch 1"]) -> Int[Tensor, "batch 1"]:
    """Draw the place of the highest 1 of a number that is uniform from 1 to 2^bits − 1.

    The highest place is it with probability 1/2, the next with 1/4, and so on, given that there is one.
    """
    share = uniform(generator, len(bits), 1) * (1 - 0.5 ** bits.double())
    return bits - 1 + torch.log2(1 - share).ceil().long()


class BinaryCalculation(Transduction):
    """Base of tasks that calculate with two binary numbers; a subclass calculates the result."""

    class Options(Task.Options):
        little_endian: bool = False
        """True if the least significant bit comes first, and numbers can have zeros after their highest bit."""

    options: Options
    symbols = 3

    @abstractmethod
    def calculate(
        self, first: Int[Tensor, "batch bits"], second: Int[Tensor, "batch bits"]
    ) -> Int[Tensor, "batch bits+1"]:
        """Calculate the result from the bits of two numbers, least significant bit first."""

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
        bits = integers(generator, symbols - 1, batch_size, 1, least=1)
        first, second = (self._number(generator, each, symbols - 2) for each in (bits, symbols - 1 - bits))
        place = self._places(bits, symbols)
        at = place.clamp(min=0)
        source = torch.where(counted(symbols) < bits, first.gather(1, at), second.gather(1, at))
        result = self.calculate(first, second)
        place = self._answer_places(significant(result)[:, None], symbols - 1)
        answer = torch.where(place < 0, UNASKED, result.gather(1, place.clamp(min=0)))
        return Drawn(torch.where(counted(symbols) == bits, SIGN, source), answer)

    def _number(
        self, generator: torch.Generator, bits: Int[Tensor, "batch 1"], width: int
    ) -> Int[Tensor, "batch width"]:
        """Draw numbers of given numbers of bits, least significant bit first."""
        number, place = integers(generator, 2, len(bits), width), counted(width)
        highest = highest_bits(generator, bits) if self.options.little_endian else bits - 1
        sure = (place == highest) & ((bits > 1) | self.options.little_endian)
        return torch.where(sure, 1, torch.where(place <= highest, number, 0))

    def _places(self, bits: Int[Tensor, "batch 1"], symbols: int) -> Int[Tensor, "batch symbols"]:
        """Return the significance of each symbol of the source in its number, from 0 on; -1 for the sign."""
        along = counted(symbols)
        if self.options.little_endian:
            return torch.where(along <= bits, torch.where(along == bits, -1, along), along - bits - 1)
        return torch.where(along <= bits, bits - 1 - along, symbols - 1 - along)

    def _answer_places(self, bits: Int[Tensor, "batch 1"], width: int) -> Int[Tensor, "batch width"]:
        """Return the significance of each bit of the answer; -1 after them."""
        along = counted(width)
        return torch.where(along < bits, along if self.options.little_endian else bits - 1 - along, -1)

    def marks(self, drawn: Drawn, length: int) -> tuple[Int[Tensor, "batch source"], Int[Tensor, "batch answer"]]:
        """Mark each bit with its significance, counted from 1, and the sign with 0."""
        bits = (drawn.source == SIGN).int().argmax(1, keepdim=True)
        own = (drawn.answer != UNASKED).sum(1, keepdim=True)
        return (
            self._places(bits, drawn.source.shape[1]) + 1,
            self._answer_places(own, drawn.answer.shape[1]) + 1,
        )

    def largest_mark(self, length: int) -> int:
        """Return the largest significance of a bit of a result."""
        return self.answer_length(length)
