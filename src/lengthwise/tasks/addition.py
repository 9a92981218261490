"""Addition of two numbers, by default all digits least significant first (arXiv 2402.09371, arXiv 2405.20671).

A sequence is ``a + b = c`` of two numbers of n digits, filled up with zeros, and their sum of n + 1 digits. Only the
digits of the sum are scored. Each digit's mark is its significance, counted from 1; ``+`` and ``=`` have mark 0. Tokens
are the digits, and after them ``+`` and ``=``.
"""

from typing import Any, ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.registry import unknown
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
        """Of the numbers: how many digits there are."""
        reverse: bool = True
        """Whether the least significant digit comes first, from which on a sum is computed."""

    options: Options

    @property
    def sizes(self) -> dict[str, Any]:
        """The digits and two signs."""
        return {"vocab_size": self.options.base + 2}

    def check_length(self, length: int) -> None:
        """3 tokens for each digit and 3 more."""
        if length < 6 or length % 3:
            raise InputError(
                f"An addition of n digits has 3 n + 3 tokens: 6, 9, 12 and so on; got a length of {length}."
            )

    def largest_mark(self, length: int) -> int | None:
        """That of the sum's most significant digit that is read.

        It is n + 1 for n digits; but n where that digit comes last, as the last token is no input.
        """
        return length // 3 - self.options.reverse

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        """Sequences of ``length`` tokens, 3 for each digit and 3 more; the inputs are all tokens but the last.

        In training the numbers have each 1 to n digits before they are filled up, each as likely. For validation both
        have n. On the split ``carries`` one carry goes through all n digits: below the last, where it begins, the
        digits of each place add up to 9, or to what is the largest digit.

        Returns:
            A batch of (batch_size, length - 1) tokens, of which those before a digit of the sum are scored.
        """
        self.check_length(length)
        if split not in self.splits:
            raise InputError(unknown("split of addition", split, self.splits))
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
        """Digits that stand least significant first, as they are written."""
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
    """The digits of the sum, by the carry that is known in closed form.

    In base 10, a place with more than 9 sends a carry on, one with 9 passes on what it gets, one with less stops it:
    what comes into a place is decided by the nearest place below it that does not add up to 9.
    """
    total = first + second
    place = torch.arange(total.shape[1], dtype=torch.long, device="cpu")
    decides = torch.where(total != base - 1, place + 1, 0).cummax(1).values  # of all places up to this one; 0: none
    sends = torch.cat([torch.zeros_like(total[:, :1]), (total > base - 1).long()], dim=1)
    carry = sends.gather(1, torch.cat([torch.zeros_like(decides[:, :1]), decides], dim=1))
    return (torch.cat([total, torch.zeros_like(total[:, :1])], dim=1) + carry) % base
