"""The base of tasks that calculate in writing: ``operand sign operand … = result``, in the formats of the literature.

The tokens are the digits, then the sign, ``=``, the end token if there is one, and the index hints if there are any.
All digits of the result are scored, with their hints, and the end token. The mark of a digit and of its hint is the
digit's significance, counted from 1; signs and the end token have mark 0.

Under ``hints`` a symbol of an ordered set stands before each digit; the same symbol stands before all digits of one
significance, and the symbols ascend along the result (arXiv 2310.16028, arXiv 2402.09371). The first symbol is the
first of the set (``alphabetical``), or it is drawn for each example so that all symbols needed are in the set
(``random``).
"""

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.options import Value, option
from lengthwise.tasks.arithmetic.digits import significant
from lengthwise.tasks.arithmetic.layout import Piece, joined, number, sign
from lengthwise.tasks.batch import Tokens
from lengthwise.tasks.drawing import constant, counted, uniform
from lengthwise.tasks.metrics.ending import ENDINGS
from lengthwise.tasks.task import Task


class Numbers(NamedTuple):
    """Operands and results, least significant digit first."""

    operands: tuple[Int[Tensor, "batch digits"], ...]
    result: Int[Tensor, "batch digits"]
    places: Int[Tensor, "batch numbers"]
    """How many places each operand and then the result have if padded; 0 for an operand that an example lacks."""


class Calculation(Task):
    """Base of tasks that calculate in writing; a subclass draws the numbers."""

    example: ClassVar[str] = "sequence"
    model: ClassVar[str] = "decoder"
    operation: ClassVar[str]
    """The sign between two operands."""

    class Options(Task.Options):
        base: int = option(10, at_least=2)
        """Base of the numbers, that is, the number of different digits."""
        reverse: bool = True
        """True if the least significant digit comes first, as in the order of computing a sum."""
        reverse_operands: bool = True
        """False if only the result is reversed; without reverse, no number is."""
        pad: bool = True
        """True if numbers are padded with zeros, so that all have the digits that the length gives."""
        end: bool = False
        """True if an end token follows the result; without padding, it always does."""
        hints: str = option("none", among=("none", "alphabetical", "random"))
        """Symbols before the digits, one for each significance: none, from the first on, or from a random one on."""
        hint_symbols: int = option(102, at_least=2)
        """Number of symbols in the ordered set of hints."""

    options: Options

    def __init__(self, **options: Value) -> None:
        super().__init__(**options)
        if self._ends:
            vars(self)["metrics"] = (*self.metrics, *ENDINGS)  # of this task alone

    @abstractmethod
    def digits(self, length: int) -> tuple[int, ...]:
        """Return the largest number of digits of each operand, and then of the result."""

    @abstractmethod
    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Numbers:
        """Draw operands, and calculate their result."""

    @property
    def _ends(self) -> bool:
        return self.options.end or not self.options.pad

    @property
    def _hinted(self) -> bool:
        return self.options.hints != "none"

    @property
    def sizes(self) -> dict[str, Any]:
        """The vocabulary: the digits, two signs, the end token, and the hints."""
        return {"vocab_size": self.options.base + 2 + self._ends + self._hinted * self.options.hint_symbols}

    @property
    def names(self) -> tuple[str, ...]:
        """The digits, the signs, the end token if there is one, and the hints."""
        digits, hints = map(str, range(self.options.base)), self._hinted * self.options.hint_symbols
        return (*digits, self.operation, "=", *["<end>"] * self._ends, *(f"#{hint}" for hint in range(hints)))

    def check_length(self, length: int) -> None:
        """Refuse also a length that needs more hints than there are."""
        super().check_length(length)
        needed, symbols = self.digits(length)[-1], self.options.hint_symbols
        if self._hinted and needed > symbols:
            raise InputError(
                f"A result of {needed} digits needs as many hints, and there are {symbols}; set more hint_symbols or "
                "a shorter length."
            )

    def tokens(self, length: int) -> int:
        """Return the number of tokens of the longest example: of all digits with their hints, signs and the end."""
        digits = self.digits(length)
        return sum(digits) * (1 + self._hinted) + len(digits) - 1 + self._ends

    def largest_mark(self, length: int) -> int | None:
        """Return the significance of the most significant digit of the result that can be an input.

        The last token is not an input. It is that digit if two operands and a reversed result have neither hints nor
        an end.
        """
        digits = self.digits(length)
        unread = self.options.reverse and not (self._ends or self._hinted) and len(digits) == 3
        return digits[-1] - unread

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        """Draw sequences; the inputs are all tokens but the last.

        Returns:
            A batch of (batch_size, tokens(length) - 1) tokens. The tokens before a digit, a hint or the end of the
            result are scored. What fills up shorter sequences is not scored.
        """
        self.check_length(length)
        self.check_split(split)
        operands, result, places = self.draw(generator, batch_size, length, split)
        hints = self._hints(generator, batch_size, result.shape[1])
        base, reverse = self.options.base, self.options.reverse
        own = zip((*operands, result), places.unbind(1), strict=True)
        pieces: list[Piece] = []
        for index, (digits, room) in enumerate(own):
            is_result = index == len(operands)
            if index:
                pieces.append(sign(base + is_result, room > 0, asked=False))
            room = room if self.options.pad else torch.minimum(room, significant(digits))
            least_first = reverse and (self.options.reverse_operands or is_result)
            pieces.append(number(digits, room, hints, reverse=least_first, asked=is_result))
        if self._ends:
            pieces.append(sign(base + 2, room > 0, asked=True))
        tokens, marks, asked = joined(pieces, fill=base + 1 + self._ends)
        return Tokens(tokens[:, :-1], tokens[:, 1:], scored=asked[:, 1:], marks=marks[:, :-1])

    def _hints(self, generator: torch.Generator, batch_size: int, places: int) -> Int[Tensor, "batch places"] | None:
        """Return the hint of every significance, as a token; None without hints."""
        if not self._hinted:
            return None
        first = constant(0, batch_size, 1)
        if self.options.hints == "random":
            first = (uniform(generator, batch_size, 1) * (self.options.hint_symbols - places + 1)).long()
        along = counted(places) if self.options.reverse else counted(places).flip(0)
        return self.options.base + 2 + self._ends + first + along
