"""The promise of a task that its answers are those of a solver written apart."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.tasks import Task, Tokens
from lengthwise.testing.batches import drawn
from lengthwise.testing.check import expect

HIDDEN = -1
"""Stands in place of an answer among the tokens that a solver is given."""
Answers = list[int] | list[list[float]] | list[float]
"""One class for each scored prediction; the probabilities of all classes, for soft answers; or one number."""
Solver = Callable[[list[int]], Answers]


def answers_are_those_of(solve: Solver, task: Task, lengths: Sequence[int]) -> None:
    """Solve every example, and compare."""
    for at, batch, _ in drawn(task, lengths):
        if not isinstance(batch, Tokens):
            raise InputError("A solver answers sequences of tokens; drop solve= for a task of sets.")
        shown = batch.inputs.clone()
        if batch.continued:
            shown[:, 1:][batch.scored[:, :-1]] = HIDDEN
        for index, tokens in enumerate(shown.tolist()):
            answers = batch.targets[index][batch.scored[index]]
            found, right = solve(tokens), answers.tolist()
            expect(_same(found, answers), f"{at} the answers to {tokens} are {right}, where the solver says {found}")


def _same(found: Answers, right: Tensor) -> bool:
    if not right.is_floating_point():
        return found == right.tolist()
    solved = torch.tensor(found, dtype=right.dtype, device="cpu")
    return solved.shape == right.shape and torch.allclose(solved, right)
