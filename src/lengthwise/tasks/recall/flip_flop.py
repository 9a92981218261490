"""The flip-flop language: one bit of memory, written, ignored and read (arXiv 2306.00946).

A sequence consists of pairs of an instruction and a bit. The first instruction writes, the last reads, and each
instruction between is *ignore* with a probability that depends on the split, otherwise *write* or *read* with equal
probability. The bit after *write* and *ignore* is uniform; the bit after *read* repeats the bit of the last *write*.
Only the bits after *read* are scored.
"""

from typing import Any, ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.options import option
from lengthwise.tasks.batch import Batch, Tokens
from lengthwise.tasks.machine import MooreMachine
from lengthwise.tasks.task import Task

ZERO, ONE, WRITE, READ, IGNORE = range(5)


class FlipFlop(Task):
    """One bit of memory: written, ignored and read (arXiv 2306.00946)."""

    unit: ClassVar[str] = "tokens"
    example: ClassVar[str] = "sequence"
    model: ClassVar[str] = "decoder"
    stride: ClassVar[int] = 2
    splits: ClassVar[tuple[str, ...]] = ("train", "validation", "dense", "sparse")

    class Options(Task.Options):
        ignore: float = option(0.8, at_least=0, at_most=1)
        """Probability of *ignore* in training and validation; it is 0.1 on the split dense and 0.98 on sparse."""

    options: Options

    @property
    def sizes(self) -> dict[str, Any]:
        """The vocabulary of five tokens."""
        return {"vocab_size": 5}

    @property
    def names(self) -> tuple[str, ...]:
        """The two bits, and the instructions as the paper writes them: write, read and ignore."""
        return "0", "1", "w", "r", "i"

    @property
    def ignored(self) -> dict[str, float]:
        """The probability of *ignore* on each split."""
        return {"train": self.options.ignore, "validation": self.options.ignore, "dense": 0.1, "sparse": 0.98}

    def holders(self, batch: Batch) -> Int[Tensor, "batch predictions"]:
        """Return the bit of the last write; reads since then repeat it."""
        instruction = batch[0][:, ::2]
        pair = torch.arange(instruction.shape[1], dtype=torch.long, device=instruction.device)
        last_write = torch.where(instruction == WRITE, pair, 0).cummax(1).values
        return torch.where(batch.scored, (2 * last_write + 1).repeat_interleave(2, 1)[:, : batch.scored.shape[1]], -1)

    def check_length(self, length: int) -> None:
        """Refuse lengths other than even numbers from 4."""
        if length < 4 or length % 2:
            raise InputError(
                f"A flip-flop sequence is pairs of tokens: its length must be even and 4 or more, got {length}."
            )

    @property
    def machine(self) -> MooreMachine:
        """The bit of the last write, None before the first one, and the instruction that waits for its bit."""

        def moves(state: tuple[int | None, int | None]) -> dict[int, tuple[int | None, int | None]]:
            held, instruction = state
            if instruction is None:
                return {name: (held, name) for name in ((WRITE,) if held is None else (WRITE, READ, IGNORE))}
            if instruction == WRITE:
                return {bit: (bit, None) for bit in (ZERO, ONE)}
            return {bit: (held, None) for bit in (ZERO, ONE) if instruction == IGNORE or bit == held}

        return MooreMachine.of((None, None), moves, lambda state: state[0] if state[1] == READ else None)

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        """Draw sequences of ``length`` tokens, an even number from 4; the inputs are all tokens but the last.

        Returns:
            A batch of (batch_size, length - 1) tokens. The predictions of the bit after each *read* are scored.
        """
        self.check_length(length)
        self.check_split(split)
        pairs = length // 2
        first, second = (
            torch.rand(batch_size, pairs, generator=generator, dtype=torch.float32, device="cpu") for _ in range(2)
        )
        ignored, read = first < self.ignored[split], second < 0.5
        instruction = torch.where(ignored, IGNORE, torch.where(read, READ, WRITE))
        instruction[:, 0], instruction[:, -1] = WRITE, READ
        bit = torch.randint(2, (batch_size, pairs), generator=generator, dtype=torch.long, device="cpu")
        pair = torch.arange(pairs, dtype=torch.long, device="cpu")
        last_write = torch.where(instruction == WRITE, pair, 0).cummax(1).values
        bit = torch.where(instruction == READ, bit.gather(1, last_write), bit)
        tokens = torch.stack([instruction, bit], dim=2).flatten(1)
        inputs, targets = tokens[:, :-1], tokens[:, 1:]
        return Tokens(inputs, targets, scored=inputs == READ, marks=inputs[:, :0])
