"""The flip-flop language: one bit of memory, written, ignored and read (arXiv 2306.00946).

A sequence is pairs of an instruction and a bit. The first instruction writes, the last reads, and each one between is
*ignore* with a probability that names the split, else *write* or *read* in equal parts. The bit after *write* and
*ignore* is uniform; the bit after *read* repeats the bit of the last *write*. Only the bits after *read* are scored.
"""

from typing import Any, ClassVar

import torch

from lengthwise.errors import InputError
from lengthwise.registry import unknown
from lengthwise.tasks.batch import Tokens
from lengthwise.tasks.task import Task

ZERO, ONE, WRITE, READ, IGNORE = range(5)


class FlipFlop(Task):
    """One bit of memory: written, ignored and read (arXiv 2306.00946)."""

    unit: ClassVar[str] = "tokens"
    example: ClassVar[str] = "sequence"
    model: ClassVar[str] = "decoder"
    stride: ClassVar[int] = 2
    sizes: ClassVar[dict[str, Any]] = {"vocab_size": 5}
    ignore: ClassVar[dict[str, float]] = {"train": 0.8, "validation": 0.8, "dense": 0.1, "sparse": 0.98}
    splits: ClassVar[tuple[str, ...]] = tuple(ignore)

    def check_length(self, length: int) -> None:
        """An even number from 4."""
        if length < 4 or length % 2:
            raise InputError(
                f"A flip-flop sequence is pairs of tokens: its length must be even and 4 or more, got {length}."
            )

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        """Sequences of ``length`` tokens, an even number from 4; the inputs are all tokens but the last.

        Returns:
            A batch of (batch_size, length - 1) tokens, of which those that follow a *read* are scored.
        """
        self.check_length(length)
        if split not in self.ignore:
            raise InputError(unknown("split of flip-flop", split, self.ignore))
        pairs = length // 2
        first, second = (
            torch.rand(batch_size, pairs, generator=generator, dtype=torch.float32, device="cpu") for _ in range(2)
        )
        ignored, read = first < self.ignore[split], second < 0.5
        instruction = torch.where(ignored, IGNORE, torch.where(read, READ, WRITE))
        instruction[:, 0], instruction[:, -1] = WRITE, READ
        bit = torch.randint(2, (batch_size, pairs), generator=generator, dtype=torch.long, device="cpu")
        pair = torch.arange(pairs, dtype=torch.long, device="cpu")
        last_write = torch.where(instruction == WRITE, pair, 0).cummax(1).values
        bit = torch.where(instruction == READ, bit.gather(1, last_write), bit)
        tokens = torch.stack([instruction, bit], dim=2).flatten(1)
        inputs, targets = tokens[:, :-1], tokens[:, 1:]
        return Tokens(inputs, targets, scored=inputs == READ, marks=inputs[:, :0])
