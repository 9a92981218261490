"""Stack manipulation: the source is a stack and then actions on it; the answer is the final stack (arXiv 2207.02098).

The stack has from 1 to n - 1 symbols, uniformly, bottom first; the other symbols up to the length n are actions. An
action is *pop* or the *push* of one symbol, all equally often; *pop* leaves an empty stack empty. The answer begins at
the top of the final stack. Symbols of the stack are the tokens from 0 on, *pop* is the next token, and the *push* of
each symbol follows. The authors have two symbols, train on lengths from 1 to 40, and test on lengths up to 500.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.options import option
from lengthwise.tasks.batch import UNASKED
from lengthwise.tasks.drawing import constant, counted, integers
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class StackManipulation(Transduction):
    """The final stack after some pushes and pops, top first (arXiv 2207.02098)."""

    class Options(Task.Options):
        symbols: int = option(2, at_least=2)
        """Number of different symbols of the stack."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of different symbols: those of the stack, *pop*, and as many *push*."""
        return 2 * self.options.symbols + 1

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw stacks and actions, and apply the actions."""
        pop = self.options.symbols
        stacked = integers(generator, max(length, 2), batch_size, 1, least=1)  # a source of length 1 is a stack alone
        stack = integers(generator, pop, batch_size, length)
        actions = integers(generator, 2 * pop + 1, batch_size, length, least=pop)
        source = torch.where(counted(length) < stacked, stack, actions)
        return Drawn(source, _final_stack(source, pop))


def _final_stack(source: Int[Tensor, "batch length"], pop: int) -> Int[Tensor, "batch length"]:
    """Return the final stack, top first, in closed form.

    The height after each step is the sum of the steps, raised by its lowest value so far where that is below 0. The
    symbol at a level of the final stack is that of the last push that reached the level.
    """
    pushes, place = source != pop, counted(source.shape[1]).expand_as(source)
    total = torch.where(pushes, 1, -1).cumsum(1)
    height = total - total.cummin(1).values.clamp(max=0)
    reached = torch.where(pushes, height, 0)  # a pop reaches no level; level 0 holds no symbol
    last = constant(0, len(source), source.shape[1] + 1).scatter_reduce(1, reached, place, "amax")
    level = height[:, -1:] - place
    symbol = source.gather(1, last.gather(1, level.clamp(min=0)))
    return torch.where(level > 0, torch.where(symbol > pop, symbol - pop - 1, symbol), UNASKED)
