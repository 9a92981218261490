"""Tasks that rearrange symbols: their distributions, marks, options and lengths."""

from collections.abc import Callable

import pytest
import torch
from tests.tasks.samples import accuracy_by, is_uniform, numbers, sources_and_answers
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.tasks import Tokens, load


@pytest.mark.parametrize(
    ("name", "length", "values", "categories"),
    [
        ("sort", 20, lambda source: source, 32),
        ("sort[symbols=5]", 3, lambda source: numbers(source, 5), 125),
        ("sort[symbols=4,distinct=true]", 3, lambda source: numbers(source, 4).unique(return_inverse=True)[1], 24),
        ("unique-copy", 50, lambda source: source[:, 0], 150),
        ("unique-copy", 150, lambda source: source[:, -1], 150),
        ("unique-copy[symbols=4]", 3, lambda source: numbers(source, 4).unique(return_inverse=True)[1], 24),
        ("repeat-copy", 5, lambda source: numbers(source, 2), 32),
        ("duplicate-string", 5, lambda source: numbers(source, 2), 32),
        ("odds-first[symbols=3]", 4, lambda source: numbers(source, 3), 81),
        ("missing-duplicate", 12, lambda source: (source == 2).int().argmax(1), 12),
        ("stack-manipulation", 12, lambda source: (source < 2).sum(1) - 1, 11),
        ("stack-manipulation", 12, lambda source: source[:, 0], 2),
        ("stack-manipulation", 12, lambda source: source[:, -1] - 2, 3),
        ("stack-manipulation[symbols=4]", 12, lambda source: source[:, -1] - 4, 5),
    ],
)
def test_sources_are_uniform(name: str, length: int, values: Callable[[Tensor], Tensor], categories: int) -> None:
    task = load(name)
    batch = task.sample(torch.Generator().manual_seed(0), 4000, length, "train")
    assert isinstance(batch, Tokens)
    assert is_uniform(values(batch.inputs[:, 1 : length + 1]), categories)


@pytest.mark.parametrize("name", ["sort[distinct=true]", "unique-copy[symbols=32]"])
def test_distinct_symbols_are_distinct(name: str) -> None:
    source, _ = sources_and_answers(name, 32, 100)
    assert torch.equal(source.sort(1).values, torch.arange(32).expand(100, -1))


def test_nothing_but_the_other_copy_shows_what_is_missing() -> None:
    source, answer = sources_and_answers("missing-duplicate", 40)
    assert is_uniform(answer[:, 0], 2)
    assert accuracy_by(source[:, -1:], answer[:, 0]) < 0.55


def test_stacks_end_empty_and_full() -> None:
    batch = load("stack-manipulation").sample(torch.Generator().manual_seed(0), 4000, 8, "train")
    heights = batch.scored.sum(1) - 1
    assert set(heights.tolist()) >= {0, 8}


@pytest.mark.parametrize("name", ["copy", "reverse", "unique-copy", "repeat-copy", "duplicate-string", "odds-first"])
@pytest.mark.parametrize("length", [1, 2, 7])
def test_a_symbol_and_its_copy_have_the_same_mark(name: str, length: int) -> None:
    batch = load(name).sample(torch.Generator().manual_seed(0), 10, length, "train")
    assert isinstance(batch, Tokens)
    prompt = length + 2
    for row, marks in zip(batch.inputs.tolist(), batch.marks.tolist(), strict=True):
        symbol = dict(zip(marks[1 : length + 1], row[1 : length + 1], strict=True))
        assert set(symbol) == set(range(1, length + 1))
        assert [symbol[mark] for mark in marks[prompt:]] == row[prompt:]


def test_marks_that_were_first_drawn_without_gradients_can_be_trained_on() -> None:
    """Examples of one length share their marks, whoever asks first."""
    task = load("copy")
    with torch.inference_mode():
        task.sample(torch.Generator(), 2, 7, "train")
    batch = task.sample(torch.Generator(), 2, 7, "train")
    assert isinstance(batch, Tokens)
    torch.nn.Embedding(8, 1)(batch.marks).sum().backward()


@pytest.mark.parametrize(
    ("name", "length", "sentence"),
    [
        ("unique-copy", 151, "A source of distinct symbols has at most 150; got a length of 151. Set symbols=151"),
        ("sort[distinct=true]", 33, "A source of distinct symbols has at most 32; got a length of 33. Set symbols=33"),
        ("missing-duplicate", 7, "A sequence of MissingDuplicate has 2, 4, 6 or more symbols"),
    ],
)
def test_impossible_lengths_are_answered(name: str, length: int, sentence: str) -> None:
    task = load(name)
    task.check_length(length - 1)
    with pytest.raises(InputError, match=sentence.replace("(", r"\(")):
        task.check_length(length)
