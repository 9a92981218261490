"""Flag retrieval: the symbol that follows the one flag of the source.

The flag stands at a uniformly random place of the source, but not at its end; all other symbols are uniform and
independent. The token after the symbols is the flag. The usual lengths are 5 in training, and up to 250 in tests.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.batch import Batch
from lengthwise.tasks.drawing import integers
from lengthwise.tasks.machine import MooreMachine
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class FlagRetrieval(Transduction):
    """The symbol after a flag."""

    class Options(Task.Options):
        symbols: int = option(10, at_least=2)
        """Number of different symbols, without the flag."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols, with the flag."""
        return self.options.symbols + 1

    def answer_length(self, length: int) -> int:
        """Return 1: the answer is a symbol."""
        return 1

    def check_length(self, length: int) -> None:
        """Refuse lengths below 2."""
        if length < 2:
            raise InputError(f"A source has 2 or more symbols, the flag and the symbol after it; got {length}.")

    def holders(self, batch: Batch) -> Int[Tensor, "batch predictions"]:
        """Return the symbol after the flag."""
        separator = int(batch.scored[0].int().argmax())
        after = (batch[0] == self.options.symbols).int().argmax(1) + 1
        return F.pad(after[:, None], (separator, batch.scored.shape[1] - separator - 1), value=-1)

    @property
    def machine(self) -> MooreMachine:
        """What the source has shown: no flag, the flag as its last symbol, or the symbol after the flag."""
        flag = self.options.symbols

        def moves(shown: str | int) -> dict[int, str | int]:
            plain = range(flag)
            if shown == "no flag":
                return {**dict.fromkeys(plain, shown), flag: "flag"}
            return {symbol: symbol if shown == "flag" else shown for symbol in plain}

        return self.asked_at_the_end("no flag", moves, lambda shown: shown if isinstance(shown, int) else None)

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw symbols, and put a flag among them."""
        source = integers(generator, self.options.symbols, batch_size, length)
        place = integers(generator, length - 1, batch_size, 1)
        return Drawn(source.scatter(1, place, self.options.symbols), source.gather(1, place + 1))
