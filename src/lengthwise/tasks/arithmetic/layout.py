"""The layout of a calculation: pieces with all their places stand in a row, and places that are not shown are left out.

So the numbers of one example can have other lengths than those of another.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from lengthwise.tasks.drawing import constant, counted


class Piece(NamedTuple):
    """A number or a sign, in the order of the sequence."""

    tokens: Int[Tensor, "batch columns"]
    marks: Int[Tensor, "batch columns"]
    shown: Bool[Tensor, "batch columns"]
    asked: Bool[Tensor, "batch columns"]
    """True for tokens that are predicted."""


def sign(token: int, shown: Bool[Tensor, " batch"], *, asked: bool) -> Piece:
    """Lay out a sign, which has mark 0."""
    shown = shown[:, None]
    return Piece(constant(token, len(shown), 1), constant(0, len(shown), 1), shown, shown & asked)


def number(
    digits: Int[Tensor, "batch digits"],
    room: Int[Tensor, " batch"],
    hints: Int[Tensor, "batch _"] | None,
    *,
    reverse: bool,
    asked: bool,
) -> Piece:
    """Lay out numbers, each with as many digits as there is room for, and their marks.

    Args:
        digits: least significant digit first.
        room: how many digits each number shows.
        hints: tokens that stand before the digits, by significance.
        reverse: whether the least significant digit comes first.
        asked: whether the digits are predicted.
    """
    significance = counted(digits.shape[1]).expand_as(digits)
    shown = significance < room[:, None]
    piece = Piece(digits, significance + 1, shown, shown & asked)
    if not reverse:
        piece = Piece(*(part.flip(1) for part in piece))
    if hints is None:
        return piece
    before = hints[:, : digits.shape[1]]
    tokens = torch.stack([before if reverse else before.flip(1), piece.tokens], dim=2).flatten(1)
    return Piece(tokens, *(part.repeat_interleave(2, dim=1) for part in piece[1:]))


def joined(
    pieces: Sequence[Piece], fill: int
) -> tuple[Int[Tensor, "batch columns"], Int[Tensor, "batch columns"], Bool[Tensor, "batch columns"]]:
    """Return the tokens that are shown, their marks, and whether they are asked.

    Each sequence begins in the first column; the token ``fill`` follows a shorter one, with mark 0, and is not asked.
    """
    tokens, marks, shown, asked = (torch.cat(parts, dim=1) for parts in zip(*pieces, strict=True))
    if shown.all():
        return tokens, marks, asked
    order = (~shown).byte().argsort(dim=1, stable=True)
    tokens, marks, shown, asked = (part.gather(1, order) for part in (tokens, marks, shown, asked))
    return torch.where(shown, tokens, fill), torch.where(shown, marks, 0), asked
