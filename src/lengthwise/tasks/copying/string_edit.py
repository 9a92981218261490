"""String edits: an instruction, its argument and a string of bits are answered by the edited string (arXiv 2109.07276).

A source is ``edit argument string``. An edit appends its argument (*push*) or puts it in front (*unshift*), drops the
last bit (*pop*) or the first (*shift*), drops every bit that equals the argument (*remove*), turns the string round
(*reverse*), replaces each bit by the other one (*flip*) or does both (*flip-reverse*), doubles the string
(*duplicate*), or leaves it as it is (*copy*). Where an edit takes no argument, the argument is a dash.

A string is a number in binary: its first bit is 1, the others are uniform. Bits are the tokens 0 and 1, the dash is 2,
and the edits follow. The authors' source also says how often an argument is repeated, which is once. They train on
strings of 11 to 15 bits and test on 1 to 10, 11 to 15, and 16 to 20: their models are right at about the lengths that
they have seen, in both directions.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from lengthwise.options import option
from lengthwise.tasks.batch import UNASKED
from lengthwise.tasks.drawing import counted, integers
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction

EDITS = ("copy", "push", "pop", "shift", "unshift", "remove", "reverse", "duplicate", "flip", "flip-reverse")
WITH_ARGUMENT = ("push", "unshift", "remove")
DASH = 2


class StringEdit(Transduction):
    """An edited string of bits (arXiv 2109.07276)."""

    class Options(Task.Options):
        edit: str = option(
            "any",
            among=(
                "any",
                "copy",
                "push",
                "pop",
                "shift",
                "unshift",
                "remove",
                "reverse",
                "duplicate",
                "flip",
                "flip-reverse",
            ),
        )
        """The edit of all examples; any = each example has one of the ten, all equally often."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols: two bits, the dash, and ten edits."""
        return DASH + 1 + len(EDITS)

    @property
    def names(self) -> tuple[str, ...]:
        """The bits, the dash, and the edits by name."""
        return ("0", "1", "-", *EDITS, *super().names[self.symbols :])

    def source_length(self, length: int) -> int:
        """Return the number of bits and two: the edit and its argument."""
        return length + 2

    def answer_length(self, length: int) -> int:
        """Return the number of bits of a doubled string, or of one with one more bit if no string is doubled."""
        return 2 * length if self.options.edit in ("any", "duplicate") else length + 1

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw strings of ``length`` bits with their edits, and edit them."""
        chosen = range(len(EDITS)) if self.options.edit == "any" else [EDITS.index(self.options.edit)]
        edit = chosen[0] + integers(generator, len(chosen), batch_size, 1)
        bits = integers(generator, 2, batch_size, length)
        bits[:, 0] = 1
        argument = integers(generator, 2, batch_size, 1)
        edited = torch.stack(_edited(bits, argument, 2 * length), dim=1)
        answer = edited.gather(1, edit[..., None].expand(-1, -1, 2 * length))[:, 0, : self.answer_length(length)]
        takes = torch.tensor([name in WITH_ARGUMENT for name in EDITS], dtype=torch.bool, device="cpu")[edit]
        return Drawn(torch.cat([DASH + 1 + edit, torch.where(takes, argument, DASH), bits], dim=1), answer)


def _edited(
    bits: Int[Tensor, "batch length"], argument: Int[Tensor, "batch 1"], width: int
) -> list[Int[Tensor, "batch {width}"]]:
    """Return the answers of all edits, in their order, filled up with ``UNASKED``."""
    kept = bits != argument
    first = torch.sort(kept, dim=1, descending=True, stable=True).indices
    remaining = torch.where(counted(bits.shape[1]) < kept.sum(1, keepdim=True), bits.gather(1, first), UNASKED)
    answers = (
        bits,
        torch.cat([bits, argument], dim=1),
        bits[:, :-1],
        bits[:, 1:],
        torch.cat([argument, bits], dim=1),
        remaining,
        bits.flip(1),
        bits.repeat(1, 2),
        1 - bits,
        1 - bits.flip(1),
    )
    return [F.pad(answer, (0, width - answer.shape[1]), value=UNASKED) for answer in answers]
