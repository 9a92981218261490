"""Reversal: the answer is the source, last symbol first (arXiv 2506.16640; *reverse string* of arXiv 2207.02098)."""

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.tasks.copying.copy import Copy
from lengthwise.tasks.transduction import Drawn


class Reverse(Copy):
    """The source, last symbol first (arXiv 2506.16640)."""

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw sources and reverse them."""
        source = super().draw(generator, batch_size, length, split).source
        return Drawn(source, source.flip(1))

    def places(self, length: int) -> tuple[Int[Tensor, " source"], Int[Tensor, " answer"]]:
        """Mark each symbol and its copy with the symbol's place in the source, counted from 1."""
        places, _ = super().places(length)
        return places, places.flip(0)
