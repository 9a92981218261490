"""A task says what lengths it knows and how large its marks get, and drawing an example says the same."""

from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

import pytest
import torch
from tests.tasks.lengths import accepted, accepts

from lengthwise.errors import InputError
from lengthwise.experiments.config import RunConfig
from lengthwise.tasks import TASKS, Task, Tokens, load

LENGTHS = [*range(-1, 40), 8_192, 8_193]


@pytest.mark.parametrize("name", list(TASKS))
def test_the_lengths_that_are_known_can_be_drawn(name: str) -> None:
    task = load(name)
    for length in LENGTHS:
        known = drawn = None
        with suppress(InputError):
            task.check_length(length)
            known = True
        with suppress(InputError):
            batch = task.sample(torch.Generator(), 1, length, task.splits[1])
            # The last token need not be an input.
            drawn = batch[0].shape[1] in {task.tokens(length), task.tokens(length) - isinstance(batch, Tokens)}
        assert known == drawn, length


@pytest.mark.parametrize("name", list(TASKS))
@pytest.mark.parametrize("split", [0, 1])
def test_the_largest_mark_is_that_of_an_example(name: str, split: int) -> None:
    """Or it is a bound, where marks differ between examples."""
    task = load(name)
    for length in (accepted(task, least) for least in (6, 12, 32)):
        batch = task.sample(torch.Generator(), 30, length, task.splits[split])
        largest = task.largest_mark(length)
        if not isinstance(batch, Tokens) or not batch.marks.numel():
            assert largest is None
        elif torch.equal(batch.marks, batch.marks[:1].expand_as(batch.marks)):
            assert largest == batch.marks.max()
        else:
            assert largest >= batch.marks.max()


def test_a_task_that_says_nothing_knows_every_multiple_of_its_stride() -> None:
    class Thrice(Task):
        unit, example, model, stride = "tokens", "sequence", "decoder", 3
        sizes: ClassVar[dict[str, int]] = {"vocab_size": 8}
        splits = ("train", "validation")

        def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
            raise AssertionError("an example was drawn")

    task = Thrice()
    for length in (3, 6, 3_000_000_000):
        task.check_length(length)
        assert task.largest_mark(length) is None
    for length in (-3, 0, 1, 4):
        with pytest.raises(InputError, match=f"has 3, 6, 9 or more tokens, in steps of 3; got a length of {length}"):
            task.check_length(length)


@pytest.mark.parametrize("name", list(TASKS))
def test_a_configuration_draws_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def sample(*arguments: object) -> None:
        raise AssertionError("an example was drawn")

    monkeypatch.setattr(TASKS.load(name), "sample", sample)
    mechanism = {"model": {"mechanism": "softmax+learned+coupled"}} if name == "addition" else {}
    task = load(name)
    short, long = (
        accepted(task, 12),
        next(length for length in (300_000_000, 300_000_001, 60_000, 60) if accepts(task, length)),
    )
    lengths = {"evaluate": {"lengths": [short, long]}, "train": {"length": short}}
    config = RunConfig.read({"task": name} | lengths | mechanism)
    if name == "addition":
        assert config.sized_model.marks == long // 3 - 1


@pytest.mark.parametrize("name", list(TASKS))
def test_the_default_dtype_is_that_of_others(name: str, default_dtype: Callable[[torch.dtype], None]) -> None:
    """A task draws the same numbers in every process."""
    task = load(name)
    length = accepted(task, 12)
    before = [task.sample(torch.Generator().manual_seed(0), 4, length, split) for split in task.splits]
    default_dtype(torch.float64)
    after = [task.sample(torch.Generator().manual_seed(0), 4, length, split) for split in task.splits]
    for one, other in zip(before, after, strict=True):
        for a, b in zip(one, other, strict=True):
            assert a.dtype == b.dtype
            assert torch.equal(a, b)
