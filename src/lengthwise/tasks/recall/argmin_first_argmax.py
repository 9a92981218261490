"""Argmin, first or argmax: which symbol is asked for depends on what the source holds (arXiv 2005.09561).

If symbol 64 occurs, the answer is the smallest symbol; else, if symbol 50 occurs, the first; else the largest. In
training, the 100 symbols are uniform and independent. In validation, each of the three cases is equally likely: its
symbol is set at a random place, and symbols that would make it another case are drawn again.

The authors ask for the place of the symbol, the first of several. Their encoder has a logit for each token, or one for
each place at the first token; they train on 128 symbols and test 128 and 64. A model that names places cannot name
those beyond its training length, so that the answer is the symbol itself by default.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.tasks.batch import Batch
from lengthwise.tasks.drawing import avoiding, integers
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction

SYMBOLS, PLACES = 100, 128
ASKS_MIN, ASKS_FIRST = 64, 50


class ArgminFirstArgmax(Transduction):
    """The smallest, the first or the largest symbol, as other symbols ask (arXiv 2005.09561)."""

    class Options(Task.Options):
        place: bool = False
        """True if the answer is the place of the symbol, from 0 on, in at most 128 symbols."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols, or of places if these are answers."""
        return PLACES if self.options.place else SYMBOLS

    def check_length(self, length: int) -> None:
        """Refuse a length that has more places than there are answers."""
        super().check_length(length)
        if self.options.place and length > PLACES:
            raise InputError(f"There are {PLACES} places to answer with; got a length of {length}. Drop place=true.")

    def answer_length(self, length: int) -> int:
        """Return 1: the answer is a symbol or a place."""
        return 1

    def holders(self, batch: Batch) -> Int[Tensor, "batch predictions"] | None:
        """Return the symbol that is asked for; None if its place is the answer, which no input shows."""
        if self.options.place:
            return None
        separator = int(batch.scored[0].int().argmax())
        return F.pad(1 + _asked(batch[0][:, 1:separator]), (separator, 1), value=-1)

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw sources, and find the place that they ask for."""
        source = integers(generator, SYMBOLS, batch_size, length)
        if split == "validation":
            source = _of_each_case(generator, source)
        place = _asked(source)
        return Drawn(source, place if self.options.place else source.gather(1, place))


def _asked(source: Int[Tensor, "batch source"]) -> Int[Tensor, "batch 1"]:
    """Return the first place of the symbol that is asked for."""
    asks_min, asks_first = ((source == symbol).any(1, keepdim=True) for symbol in (ASKS_MIN, ASKS_FIRST))
    smallest, largest = source.argmin(1, keepdim=True), source.argmax(1, keepdim=True)
    return torch.where(asks_min, smallest, torch.where(asks_first, 0, largest))


def _of_each_case(generator: torch.Generator, source: Int[Tensor, "batch source"]) -> Int[Tensor, "batch source"]:
    """Change symbols so that each case is equally likely."""
    case, place = (integers(generator, below, len(source), 1) for below in (3, source.shape[1]))
    asking = torch.tensor([ASKS_MIN, ASKS_FIRST], dtype=torch.long, device="cpu")
    other = avoiding(generator, SYMBOLS, asking.expand(len(source), -1), source.shape[1])
    unwanted = (source == ASKS_MIN) & (case > 0) | (source == ASKS_FIRST) & (case > 1)
    source = torch.where(unwanted, other, source)
    return torch.where(case < 2, source.scatter(1, place, asking[case.clamp(max=1)]), source)
