"""What a certified network does: its machine with the answers that it says, and what training showed of the machine."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Int
from torch import Tensor

from lengthwise.certify.certifying import Verdict
from lengthwise.certify.mealy import MealyMachine, Symbol

UNASKED = -1


class Coverage(NamedTuple):
    """How much of a machine occurred in the training of its network."""

    states: int
    """States that some training sequence came to, the start included."""
    tokens: int
    """Tokens of the training."""


def behaviour(verdict: Verdict) -> MealyMachine:
    """Return the smallest machine that answers as the network does; its symbols are the answers said and asked.

    A symbol says ``UNASKED`` where no answer is asked.
    """
    said = verdict.logits.argmax(-1).tolist()

    def answered(symbol: Symbol) -> Symbol:
        vector, answer = symbol
        return (UNASKED if answer is None else said[vector], answer)

    return verdict.machine.relabelled(answered)


def coverage(machine: MealyMachine, batches: Iterable[Int[Tensor, "batch tokens"]]) -> Coverage:
    """Count the states that sequences come to; one that the task does not allow counts up to where it leaves it."""
    unknown, outside = 1 + max(token for row in machine.moves for token in row), len(machine.moves)
    following = np.full((outside + 1, unknown + 1), outside, np.int64)
    for state, row in enumerate(machine.moves):
        for token, (to, _) in row.items():
            following[state, token] = to
    visited, tokens = np.zeros(outside + 1, bool), 0
    visited[0] = True
    for batch in batches:
        at = np.zeros(len(batch), np.int64)
        tokens += batch.numel()
        for column in batch.T.numpy().clip(max=unknown):
            at = following[at, column]
            visited[at] = True
    return Coverage(int(visited[:outside].sum()), tokens)


def as_python(verdict: Verdict, about: str) -> str:
    """Return the network as a Python module without imports: a table, and a function that reads it."""
    rows = [
        {token: (to, None if answer is None else said) for token, (to, (said, answer)) in row.items()}
        for row in behaviour(verdict).moves
    ]
    table = "\n".join(f"    {row}," for row in rows)
    return f'''"""{about}"""

MOVES = [
{table}
]
"""By state and token: the next state, and the network's answer; None where nothing is asked."""


def read(tokens, state=0):
    """Yield the answer after each token, in constant memory; a KeyError says that a token cannot come there."""
    for token in tokens:
        state, answer = MOVES[state][token]
        yield answer
'''
