"""Tasks as finite machines: what a machine allows and asks is what the task draws and scores."""

import pytest
import torch

from lengthwise.errors import InputError
from lengthwise.tasks import TASKS, load
from lengthwise.tasks.batch import Labels, Tokens

NAMES = [name for name in TASKS if name != "text" and load(name).machine is not None]
VARIANTS = ["n-back[symbols=3,back=1]", "modular-arithmetic[modulus=3,multiply=false]", "group-word[group=Z60]",
            "alternation[blocks=2]", "cycle-navigation[places=2]", "dyck-bounded[depth=2]"]  # fmt: skip


def test_the_tasks_that_are_finite_machines() -> None:
    assert {"flip-flop", "parity", "tomita-4", "alternation", "n-back", "group-word"} <= set(NAMES)
    assert not {"copy", "bin-majority", "dyck", "mqar", "addition"} & set(NAMES)


@pytest.mark.parametrize("name", NAMES + VARIANTS)
def test_machine_allows_and_asks_what_the_task_draws(name: str) -> None:
    task, seen = load(name), set()
    machine = task.machine
    assert machine is not None
    for length in range(1, 26):
        try:
            batch = task.sample(torch.Generator().manual_seed(length), 16, length, task.splits[0])
        except InputError:
            continue
        assert isinstance(batch, Tokens | Labels)
        for tokens, answers, scored in zip(batch[0].tolist(), batch[1].tolist(), batch.scored.tolist(), strict=True):
            state = 0
            for token, answer, asked in zip(tokens, answers, scored, strict=True):
                seen.add((state, token))
                state = machine.moves[state][token]
                assert machine.answers[state] == (answer if asked else None)
    assert len(seen) > len(machine.moves) / 2


@pytest.mark.parametrize("name", NAMES)
def test_every_state_can_be_reached_and_a_sequence_ends_where_nothing_can_come(name: str) -> None:
    machine = load(name).machine
    assert machine is not None
    reached = {0}.union(*(row.values() for row in machine.moves))
    assert reached == set(range(len(machine.moves))) == set(range(len(machine.answers)))
