"""Brackets of several kinds, without a bound of the depth: the label of every prefix is which brackets may follow.

A sequence is a member of the Dyck language: every bracket closes the last one that is open, which has the same kind.
All nestings of a length have the same probability, and the kinds are uniform. Any bracket may open at any place. So a
label says which bracket may close: class k, for the last open bracket of kind k; or the class after all kinds, where no
bracket is open, and the string may end. The tokens are the opening brackets, then the closing brackets.

The labels are those of arXiv 2009.11264 (Dyck-1 and shuffles of it); the authors train on lengths up to 50, and test on
51 to 100 and 101 to 150.
"""

from typing import ClassVar

import torch
from jaxtyping import Bool
from torch import Tensor

from lengthwise.options import option
from lengthwise.tasks.drawing import constant, counted, integers, shuffled
from lengthwise.tasks.labelling import Labelled, Labelling
from lengthwise.tasks.task import Task


class Dyck(Labelling):
    """The brackets that may follow, where brackets of several kinds nest without a bound (arXiv 2009.11264)."""

    stride: ClassVar[int] = 2

    class Options(Task.Options):
        kinds: int = option(2, at_least=1)
        """Number of kinds of brackets."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different brackets."""
        return 2 * self.options.kinds

    @property
    def classes(self) -> int:
        """Number of kinds, and one for no open bracket."""
        return self.options.kinds + 1

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Labelled:
        """Draw nestings and kinds. A bracket's level is the depth inside of it.

        Among the brackets of one level, every second one closes the one before it. Among the places after which the
        depth is the same, the last opening one has the bracket that is open.
        """
        kinds = self.options.kinds
        opens = _nestings(generator, batch_size, length)
        depth = (2 * opens.long() - 1).cumsum(1)
        by_level = (depth + ~opens).argsort(dim=1, stable=True)
        drawn = integers(generator, kinds, batch_size, length // 2).repeat_interleave(2, dim=1)
        kind = torch.empty_like(depth).scatter(1, by_level, drawn)
        by_depth = depth.argsort(dim=1, stable=True)
        last = torch.where(opens.gather(1, by_depth), counted(length), 0).cummax(1).values
        top = torch.empty_like(depth).scatter(1, by_depth, kind.gather(1, by_depth.gather(1, last)))
        labels = torch.where(depth > 0, top, kinds)
        return Labelled(kind + kinds * ~opens, torch.cat([constant(kinds, batch_size, 1), labels], dim=1))


def _nestings(generator: torch.Generator, rows: int, length: int) -> Bool[Tensor, "rows {length}"]:
    """Draw uniformly which of the brackets open.

    Among the rotations of a row with one opening bracket too many, exactly one is open after every bracket (the cycle
    lemma). It begins after the last minimum of the depth; without its first bracket, the rotation is a nesting.
    """
    row = shuffled(generator, (counted(length + 1) <= length // 2).long().expand(rows, -1))
    depth = (2 * row - 1).cumsum(1)
    least = (length + 1) * depth - counted(length + 1)  # of equal depths, the last one is the least
    start = least.argmin(1, keepdim=True) + 2
    return row.gather(1, (start + counted(length)) % (length + 1)) > 0
