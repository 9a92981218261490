"""Training on joined examples: sources and answers side by side."""

from typing import Any

import pytest
import torch

from lengthwise.errors import InputError
from lengthwise.experiments.config import RunConfig
from lengthwise.models import DecoderConfig
from lengthwise.tasks import Tokens, load


def config(task: str, **train: Any) -> RunConfig:
    settings = {"length": 6, "shortest": 4, "steps": 2, "concatenate": 3, **train}
    return RunConfig.read({"task": task, "model": {"mechanism": "softmax+learned"}, "train": settings})


def parts(row: torch.Tensor, begin: int) -> tuple[list[int], list[int]]:
    """The source and the answer of a sequence, without the end tokens."""
    tokens = row.tolist()
    place = tokens.index(begin + 1)
    return tokens[1:place], [token for token in tokens[place + 1 :] if token != begin + 2]


def test_joined_examples_are_those_of_the_task_side_by_side() -> None:
    task = load("string-edit")
    batch = task.joined(torch.Generator().manual_seed(0), 64, [4, 7], "train")
    assert isinstance(batch, Tokens)
    generator = torch.Generator().manual_seed(0)
    first, second = (task.sample(generator, 64, length, "train") for length in (4, 7))
    assert isinstance(first, Tokens)
    assert isinstance(second, Tokens)
    for joined, one, two in zip(
        *(torch.cat([of.inputs, of.targets[:, -1:]], 1) for of in (batch, first, second)), strict=True
    ):
        (source, answer), of_one, of_two = (parts(row, 13) for row in (joined, one, two))
        assert source == of_one[0] + of_two[0]
        assert answer == of_one[1] + of_two[1]
    assert batch.inputs.shape[1] + 1 == task.joined_tokens([4, 7])
    ends = batch.targets == 15
    assert ((ends & batch.scored).sum(1) == 1).all(), "one end token is scored, behind the last answer"


def test_a_model_has_room_for_joined_examples() -> None:
    joined = config("copy[symbols=4]")
    assert joined.trained_tokens == 3 * 12 + 3
    sized = joined.vary(evaluate={"lengths": [6]}).sized_model
    assert isinstance(sized, DecoderConfig)
    assert sized.context == sized.reach == 39
    assert config("copy[symbols=4]", concatenate=1).trained_tokens == 15


@pytest.mark.parametrize("task", ["flip-flop", "unique-retrieval"])
def test_what_cannot_be_joined_is_refused(task: str) -> None:
    with pytest.raises(InputError, match=f"an example of {task} is no source with its whole answer"):
        config(task)


def test_marks_are_refused() -> None:
    tree = {"task": "copy", "model": {"mechanism": "softmax+learned+coupled"}, "train": {"length": 6, "concatenate": 2}}
    with pytest.raises(InputError, match="Joined examples have no marks"):
        RunConfig.read(tree)
