"""Solving an equation: the number that ``x`` stands for in ``((1-x)+(-3))=4``, modulo 5 (arXiv 2207.02098).

The left side is an expression with brackets, of the grammar of
:mod:`~lengthwise.tasks.arithmetic.modular_arithmetic_brackets` without products, so that there is one solution. One
number of it is replaced by x: the first one from a uniform place on, which goes on at the beginning after the end. The
length counts ``=`` and the value after it. The authors train on lengths from 1 to 40 and test to 500; the lengths 1 and
2, at which their equations are empty, do not exist here.
"""

from typing import ClassVar

import numpy as np
import torch

from lengthwise.options import option
from lengthwise.tasks.arithmetic.modular_arithmetic_brackets import expressions
from lengthwise.tasks.drawing import integers
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class SolveEquation(Transduction):
    """The unknown number of an equation with brackets, modulo 5 (arXiv 2207.02098)."""

    shortest: ClassVar[int] = 3

    class Options(Task.Options):
        modulus: int = option(5, at_least=2)
        """The modulus, that is, the number of different numbers."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of numbers, operators and brackets, with ``x`` and ``=``."""
        return self.options.modulus + 6

    def answer_length(self, length: int) -> int:
        """Return 1: the answer is a number."""
        return 1

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw equations, and keep the numbers that are replaced."""
        modulus, places = self.options.modulus, length - 2
        left, value = expressions(generator, batch_size, places, modulus, operators=2)
        unknown, equals = modulus + 4, modulus + 5
        ahead = (np.arange(places) - integers(generator, places, batch_size, 1).numpy()) % places
        at = np.arange(batch_size), np.where(left < modulus, ahead, places).argmin(1)
        solution = left[at]
        left[at] = unknown
        source = np.concatenate([left, np.full((batch_size, 1), equals), value[:, None]], axis=1)
        return Drawn(torch.from_numpy(source), torch.from_numpy(solution)[:, None])
