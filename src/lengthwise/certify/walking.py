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
MOST_LEFT = 64
"""An end of a sequence of at most so many tokens is fitted into the length; a longer end is begun only where no other
move is left."""
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
def agreement(model: Decoder, machine: MealyMachine, logits: Tensor, prefixes: int) -> Agreement:
    """Compare a network with its machine after ``prefixes`` prefixes or more, all of random sequences."""
    compared = different = 0
    largest = 0.0
    walks = _walks(machine, torch.Generator().manual_seed(0))
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

    A move after which a sequence must come to an end is taken where the end fits into the rest of the length, or where
    there is no other move.
    """
    most, left = max(map(len, machine.moves)), _left(machine)
    longest = min(MOST_LEFT, max((of for of in left if of is not None), default=0))
    tables = torch.zeros(longest + 2, len(machine.moves), 3, most, dtype=torch.long, device="cpu")
    counts = torch.zeros(longest + 2, len(machine.moves), dtype=torch.long, device="cpu")
    for at, row in enumerate(machine.moves):
        moves = [(token, to, vector) for token, (to, (vector, _)) in row.items()]
        further = [move for move in moves if left[move[1]] is None] or moves
        for rest in range(longest + 2):
            ending = [move for move in moves if (of := left[move[1]]) is not None and of >= rest]
            choices = (ending if rest <= longest else []) or further
            counts[rest, at] = len(choices)
            if choices:
                tables[rest, at, :, : len(choices)] = torch.tensor(choices, dtype=torch.long, device="cpu").T
    while True:
        for length in LENGTHS:
            rows = AT_ONCE // length
            state, columns = torch.zeros(rows, dtype=torch.long, device="cpu"), []
            going = torch.ones(rows, dtype=torch.bool, device="cpu")
            for place in range(length):
                rest = min(length - 1 - place, longest + 1)
                going = going & (counts[rest, state] > 0)
                chance = torch.rand(rows, generator=generator, dtype=torch.float64, device="cpu")
                choice = (chance * counts[rest, state]).long()
                token, to, vector = tables[rest, state, :, choice].unbind(-1)
                columns.append((torch.where(going, token, 0), torch.where(going, vector, ENDED)))
                state = torch.where(going, to, state)
            tokens, vectors = (torch.stack(of, dim=1) for of in zip(*columns, strict=True))
            yield tokens, vectors


def _left(machine: MealyMachine) -> list[int | None]:
    """Return how many tokens can still follow each state; None where sequences can go on for ever."""
    left: list[int | None] = [None] * len(machine.moves)
    while True:
        after = [_one_more([left[to] for to, _ in row.values()]) for row in machine.moves]
        if after == left:
            return left
        left = after


def _one_more(left: list[int | None]) -> int | None:
    """Return one more than the largest of some numbers, 0 if there are none, and None if one is None."""
    known = [of for of in left if of is not None]
    return None if len(known) < len(left) else 1 + max(known, default=-1)
