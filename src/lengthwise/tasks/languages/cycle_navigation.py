"""Cycle navigation: the answer is the place on a cycle after all steps (*cycle navigation* of arXiv 2207.02098).

A walk begins at place 0. A step goes one place back (symbol 0), stays (1), or goes one place on (2); steps are uniform
and independent. The authors' cycle has 5 places. They train on lengths from 1 to 40, and test up to 500.
"""

import torch

from lengthwise.options import option
from lengthwise.tasks.drawing import integers
from lengthwise.tasks.machine import MooreMachine
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class CycleNavigation(Transduction):
    """The place on a cycle after steps back and forth (arXiv 2207.02098)."""

    class Options(Task.Options):
        places: int = option(5, at_least=2)
        """Number of places on the cycle."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of steps or of places, whichever is larger."""
        return max(3, self.options.places)

    def answer_length(self, length: int) -> int:
        """Return 1: the answer is a place."""
        return 1

    @property
    def machine(self) -> MooreMachine:
        """The place; -1 stands before the first step."""
        places = self.options.places

        def moves(place: int) -> dict[int, int]:
            return {step: (max(place, 0) + step - 1) % places for step in range(3)}

        return self.asked_at_the_end(-1, moves, lambda place: None if place < 0 else place)

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw steps, and the place to which they lead."""
        steps = integers(generator, 3, batch_size, length)
        return Drawn(steps, (steps - 1).sum(1, keepdim=True) % self.options.places)
