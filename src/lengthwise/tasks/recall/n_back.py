"""N-back: the label of a token is the token a fixed number of places before it (arXiv 2506.16640).

The symbols are uniform and independent. The first ``back`` symbols have no label; the authors label them 0. The authors
train on lengths from 32 to 64, with ``back=2`` and 15 symbols beside the begin token, and test on 64 to 4,096.
"""

import torch

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.batch import UNASKED
from lengthwise.tasks.drawing import constant, integers
from lengthwise.tasks.labelling import Labelled, Labelling
from lengthwise.tasks.machine import MooreMachine
from lengthwise.tasks.task import Task


class NBack(Labelling):
    """The token two places before every token (arXiv 2506.16640)."""

    class Options(Task.Options):
        symbols: int = option(16, at_least=2)
        """Number of different symbols."""
        back: int = option(2, at_least=1)
        """Number of places between a token and its label."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols."""
        return self.options.symbols

    @property
    def classes(self) -> int:
        """Number of different symbols, which are the labels."""
        return self.options.symbols

    def check_length(self, length: int) -> None:
        """Refuse lengths at which no symbol has a label."""
        back = self.options.back
        if length <= back:
            raise InputError(f"A sequence with a {back}-back label has more than {back} symbols; got {length}.")

    @property
    def machine(self) -> MooreMachine:
        """The newest symbols, one more than ``back``."""
        kept = self.options.back + 1

        def moves(newest: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
            return {symbol: (*newest, symbol)[-kept:] for symbol in range(self.symbols)}

        return self.begun((), moves, lambda newest: newest[0] if len(newest) == kept else None)

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Labelled:
        """Draw symbols, and label them with those before."""
        symbols, back = integers(generator, self.symbols, batch_size, length), self.options.back
        return Labelled(symbols, torch.cat([constant(UNASKED, batch_size, back + 1), symbols[:, :-back]], dim=1))
