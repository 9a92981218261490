"""Random sequences of a task, through a network and through its machine: both must give the same bits."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.certify.mealy import MealyMachine
from lengthwise.models import Decoder

LENGTHS = (1024, 64, 16)
"""Lengths of the sequences; the task may end a sequence earlier."""
AT_ONCE = 2**14
"""Number of tokens in a batch."""
ENDED = -1


class Agreement(NamedTuple):
    """How the logits of a network agree with those of its machine."""

    prefixes: int
    """Number of prefixes of random sequences that were compared."""
    different: int
    """Number of prefixes after which some logit differs in some bit."""
    largest: float
    """The largest difference of a logit."""


@torch.no_grad()
def agreement(model: Decoder, machine: MealyMachine, logits: Tensor, prefixes: int, seed: int = 0) -> Agreement:
    """Compare a network with its machine after ``prefixes`` prefixes or more, all of random sequences."""
    compared = different = 0
    largest = 0.0
    walks = _walks(machine, torch.Generator().manual_seed(seed))
    while compared < prefixes:
        tokens, vectors = next(walks)
        going = vectors != ENDED
        found, expected = model(tokens).logits[going], logits[vectors[going]]
        compared += int(going.sum())
        different += int((found != expected).any(-1).sum())
        largest = max(largest, float((found - expected).abs().max()))
    return Agreement(compared, different, largest)


def _walks(
    machine: MealyMachine, generator: torch.Generator
) -> Iterator[tuple[Int[Tensor, "rows length"], Int[Tensor, "rows length"]]]:
    """Yield batches of random sequences, with the vectors of the machine; both are filled up where a sequence ends.

    A move that leads to the end of every sequence is taken only in the last place, or where there is no other move.
    """
    most, ends = max(map(len, machine.moves)), _ends(machine)
    tables = torch.zeros(2, len(machine.moves), 3, most, dtype=torch.long, device="cpu")
    counts = torch.zeros(2, len(machine.moves), dtype=torch.long, device="cpu")
    for at, row in enumerate(machine.moves):
        moves = [(token, to, vector) for token, (to, (vector, _)) in row.items()]
        further = [move for move in moves if not ends[move[1]]] or moves
        for last, choices in enumerate((further, [move for move in moves if ends[move[1]]] or moves)):
            counts[last, at] = len(choices)
            if choices:
                tables[last, at, :, : len(choices)] = torch.tensor(choices, dtype=torch.long, device="cpu").T
    while True:
        for length in LENGTHS:
            rows = AT_ONCE // length
            state, columns = torch.zeros(rows, dtype=torch.long, device="cpu"), []
            going = torch.ones(rows, dtype=torch.bool, device="cpu")
            for place in range(length):
                last = int(place == length - 1)
                going = going & (counts[last, state] > 0)
                chance = torch.rand(rows, generator=generator, dtype=torch.float64, device="cpu")
                choice = (chance * counts[last, state]).long()
                token, to, vector = tables[last, state, :, choice].unbind(-1)
                columns.append((torch.where(going, token, 0), torch.where(going, vector, ENDED)))
                state = torch.where(going, to, state)
            tokens, vectors = (torch.stack(of, dim=1) for of in zip(*columns, strict=True))
            yield tokens, vectors


def _ends(machine: MealyMachine) -> list[bool]:
    """Return for each state whether every sequence from there comes to an end."""
    ends = [False] * len(machine.moves)
    while True:
        after = [all(ends[to] for to, _ in row.values()) for row in machine.moves]
        if after == ends:
            return ends
        ends = after
