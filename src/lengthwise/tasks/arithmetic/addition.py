"""Addition of two numbers, by default all digits least significant first (arXiv 2402.09371, arXiv 2405.20671).

A sequence is ``a + b = c``: two numbers of n digits, padded with zeros, and their sum of n + 1 digits. Only the digits
of the sum are scored. Each digit's mark is its significance, counted from 1; ``+`` and ``=`` have mark 0. The tokens
are the digits, then ``+`` and ``=``.
"""

from typing import Any, ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.batch import Tokens
from lengthwise.tasks.task import Task


class Addition(Task):
    """Two numbers and their sum, digit by digit (arXiv 2402.09371)."""

    unit: ClassVar[str] = "tokens"
    example: ClassVar[str] = "sequence"
    model: ClassVar[str] = "decoder"
    stride: ClassVar[int] = 3
    splits: ClassVar[tuple[str, ...]] = ("train", "validation", "carries")

    class Options(Task.Options):
        base: int = option(10, at_least=2)
        """Base of the numbers, that is, the number of different digits."""
        reverse: bool = True
        """True if the least significant digit comes first, as in the order of computing a sum."""

    options: Options

    @property
    def sizes(self) -> dict[str, Any]:
        """The vocabulary: the digits and two signs."""
        return {"vocab_size": self.options.base + 2}

    def check_length(self, length: int) -> None:
        """Refuse lengths other than 3 tokens for each digit and 3 more."""
        if length < 6 or length % 3:
            raise InputError(
                f"An addition of n digits has 3 n + 3 tokens: 6, 9, 12 and so on; got a length of {length}."
            )

    def largest_mark(self, length: int) -> int | None:
        """Return the mark of the most significant digit of the sum that is an input.

        The mark is n + 1 for n digits; but n if the most significant digit comes last, because the last token is not an
        input.
        """
        return length // 3 - self.options.reverse

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        """Draw sequences of ``length`` tokens, 3 for each digit and 3 more; the inputs are all tokens but the last.

        In training, each number has 1 to n digits before padding, uniformly. In validation, both numbers have n digits.
        On the split ``carries``, one carry goes through all n digits: it begins at the least significant place, and at
        every other place the two digits add up to the largest digit, 9 by default.

        Returns:
            A batch of (batch_size, length - 1) tokens. The tokens before a digit of the sum are scored.
        """
        self.check_length(length)
        self.check_split(split)
        digits, base = length // 3 - 1, self.options.base
        first, second = (self._number(generator, batch_size, digits, split) for _ in range(2))
        if split == "carries":
            second[:, 1:] = base - 1 - first[:, 1:]
            least = torch.randint(1, base, (batch_size,), generator=generator, dtype=torch.long, device="cpu")
            first[:, 0] = least
            share = torch.rand(batch_size, generator=generator, dtype=torch.float32, device="cpu")
            second[:, 0] = base - least + (share * least).long()
        plus, equals = (torch.full((batch_size, 1), sign, dtype=torch.long, device="cpu") for sign in (base, base + 1))
        tokens = torch.cat([*map(self._ordered, (first, plus, second, equals, _sum(first, second, base)))], dim=1)
        places = torch.arange(1, digits + 2, dtype=torch.long, device="cpu")
        sign = torch.zeros(1, dtype=torch.long, device="cpu")
        marks = torch.cat([*map(self._ordered, (places[:-1], sign, places[:-1], sign, places))])
        return Tokens(
            inputs=tokens[:, :-1],
            targets=tokens[:, 1:],
            scored=(torch.arange(length - 1, dtype=torch.long, device="cpu") >= 2 * digits + 1).expand(batch_size, -1),
            marks=marks[:-1].expand(batch_size, -1),
        )

    def _ordered(self, digits: Int[Tensor, "*batch digits"]) -> Int[Tensor, "*batch digits"]:
        """Return digits, given least significant first, in the order of the sequence."""
        return digits if self.options.reverse else digits.flip(-1)

    def _number(
        self, generator: torch.Generator, batch_size: int, digits: int, split: str
    ) -> Int[Tensor, "batch digits"]:
        base = self.options.base
        number = torch.randint(base, (batch_size, digits), generator=generator, dtype=torch.long, device="cpu")
        own = torch.randint(1, digits + 1, (batch_size, 1), generator=generator, dtype=torch.long, device="cpu")
        if split != "train":
            own = torch.full_like(own, digits)
        leading = torch.randint(1, base, (batch_size, 1), generator=generator, dtype=torch.long, device="cpu")
        place = torch.arange(digits, dtype=torch.long, device="cpu")
        number = torch.where((place == own - 1) & (own > 1), leading, number)
        return torch.where(place < own, number, 0)


def _sum(
    first: Int[Tensor, "batch digits"], second: Int[Tensor, "batch digits"], base: int
) -> Int[Tensor, "batch digits+1"]:
    """Compute the digits of the sum, with the carries in closed form.

    In base 10, a place whose digits add up to more than 9 sends a carry, a place with exactly 9 passes a carry on, and
    a place with less stops it. So the carry into a place is decided by the nearest lower place that does not add up to
    9.
    """
    total = first + second
    place = torch.arange(total.shape[1], dtype=torch.long, device="cpu")
    decides = torch.where(total != base - 1, place + 1, 0).cummax(1).values  # over all places so far; 0: none
    sends = torch.cat([torch.zeros_like(total[:, :1]), (total > base - 1).long()], dim=1)
    carry = sends.gather(1, torch.cat([torch.zeros_like(decides[:, :1]), decides], dim=1))
    return (torch.cat([total, torch.zeros_like(total[:, :1])], dim=1) + carry) % base
