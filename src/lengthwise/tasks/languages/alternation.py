"""The languages L_k of alternating blocks (arXiv 2506.16055): the label of a prefix is whether it ends in block k.

L_1 = a⁺, and L_k is L_{k-1} with one more block, of *a* and *b* by turns. A sequence has exactly k blocks: the k - 1
places at which a block begins are distinct, and uniform. All symbols are labelled. The authors train on lengths from
201 to 250, and test on 251 to 400. Theory says which depth a model without positions needs: k - 2 layers, for k from 3.
"""

import torch

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.batch import UNASKED
from lengthwise.tasks.drawing import constant, distinct
from lengthwise.tasks.labelling import Labelled, Labelling
from lengthwise.tasks.machine import MooreMachine
from lengthwise.tasks.task import Task


class Alternation(Labelling):
    """Whether a prefix of alternating blocks ends in the last block (arXiv 2506.16055)."""

    symbols = 2
    classes = 2

    class Options(Task.Options):
        blocks: int = option(4, at_least=2)
        """Number of blocks."""

    options: Options

    def check_length(self, length: int) -> None:
        """Refuse lengths that are too short for the blocks."""
        if length < self.options.blocks:
            raise InputError(
                f"A sequence of {self.options.blocks} blocks has {self.options.blocks} symbols or more; got {length}."
            )

    @property
    def machine(self) -> MooreMachine:
        """The blocks that have begun."""
        last = self.options.blocks

        def moves(begun: int) -> dict[int, int]:
            return {(to - 1) % 2: to for to in range(max(1, begun), min(begun + 1, last) + 1)}

        return self.begun(0, moves, lambda begun: None if begun == 0 else int(begun == last))

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Labelled:
        """Draw the places at which blocks begin."""
        last = self.options.blocks - 1
        begins = distinct(generator, length - 1, batch_size, last) + 1
        block = torch.zeros(batch_size, length, dtype=torch.long, device="cpu").scatter(1, begins, 1).cumsum(1)
        labels = torch.cat([constant(UNASKED, batch_size, 1), (block == last).long()], dim=1)
        return Labelled(block % 2, labels)
