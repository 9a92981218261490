"""Tasks that count: their distributions, options and lengths, and that their answers need what they are about."""

from collections.abc import Callable

import pytest
import torch
from tests.tasks.samples import accuracy_by, is_uniform, numbers, sources_and_answers
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.tasks import Tokens, load


def numbered(values: Tensor) -> Tensor:
    """The values, numbered in ascending order without gaps."""
    return values.unique(return_inverse=True)[1]


def ones(source: Tensor) -> Tensor:
    """The number of ones, numbered without the tie, which must not occur."""
    assert (2 * source.sum(1) != source.shape[1]).all()
    return numbered(source.sum(1))


@pytest.mark.parametrize(
    ("name", "length", "values", "categories"),
    [
        ("bin-majority", 8, ones, 8),
        ("bin-majority", 9, ones, 10),
        ("bin-majority", 7, lambda source: source[source.sum(1) == 1].argmax(1), 7),
        ("interleaved-majority", 12, lambda source: ones(source[:, 2::3]), 4),
        ("interleaved-majority[streams=2]", 12, lambda source: ones(source[:, 1::2]), 6),
        ("majority[symbols=3]", 3, lambda source: numbered(numbers(source, 3)), 21),
        ("count[numbers=30]", 11, lambda source: source[:, 0], 20),
        ("even-pairs", 5, lambda source: numbers(source, 2), 32),
        ("string-equality", 8, lambda source: numbers(source[:, :4], 2) - 1, 14),
        ("string-equality", 8, lambda source: numbers(source[:, 4:], 2) - 1, 14),
        ("string-equality[near=false]", 8, lambda source: numbers(source[:, 4:], 2), 16),
    ],
)
def test_sources_are_uniform(name: str, length: int, values: Callable[[Tensor], Tensor], categories: int) -> None:
    source, _ = sources_and_answers(name, length)
    assert is_uniform(values(source), categories)


@pytest.mark.parametrize(
    ("name", "length", "answers"),
    [
        ("bin-majority", 10, 2),
        ("interleaved-majority", 21, 2),
        ("majority", 20, 26),
        ("mode", 20, 26),
        ("mode[lead=20]", 20, 26),
        ("string-equality", 20, 2),
        ("string-equality[near=false]", 20, 2),
        ("even-pairs", 20, 2),
    ],
)
def test_answers_are_balanced(name: str, length: int, answers: int) -> None:
    _, answer = sources_and_answers(name, length)
    assert is_uniform(answer[:, :-1], answers)


@pytest.mark.parametrize("name", ["string-equality", "string-equality[symbols=3]", "even-pairs"])
def test_order_is_needed(name: str) -> None:
    source, answer = sources_and_answers(name, 24)
    assert accuracy_by(source[:, -1:], answer[:, 0]) < 0.55
    assert accuracy_by(source.sort(1).values, answer[:, 0]) < 0.55


def test_independent_strings_differ_in_their_symbols() -> None:
    source, answer = sources_and_answers("string-equality[near=false]", 24)
    assert accuracy_by(source.sort(1).values, answer[:, 0]) > 0.7


@pytest.mark.parametrize("symbols", [2, 4])
def test_two_symbols_of_unequal_strings_changed_places(symbols: int) -> None:
    source, answer = sources_and_answers(f"string-equality[symbols={symbols}]", 12)
    first, second = source.split(6, dim=1)
    assert torch.equal(first.sort(1).values, second.sort(1).values)
    differing = (first != second)[answer[:, 0] == 0]
    assert (differing.sum(1) == 2).all()
    assert is_uniform(differing.nonzero()[:, 1], 6)


@pytest.mark.parametrize("split", ["train", "validation[lead=5]"])
def test_a_mode_has_its_lead(split: str) -> None:
    source, answer = sources_and_answers("mode[lead=2]", 30, split=split)
    counts = torch.zeros(len(source), 26, dtype=torch.long).scatter_add(1, source, torch.ones_like(source))
    first, second = counts.topk(2).values.unbind(1)
    assert (first - second).min() == (5 if "5" in split else 2)
    assert torch.equal(counts.argmax(1), answer[:, 0])
    assert is_uniform((source == answer[:, :1]).nonzero()[:, 1], 30)


def test_occurrences_above_the_largest_share_a_label() -> None:
    batch = load("histogram[symbols=2,largest=3]").sample(torch.Generator().manual_seed(0), 400, 50, "train")
    assert isinstance(batch, Tokens)
    assert is_uniform(numbers(batch.inputs[:, 1:5], 2), 16)
    assert set(batch.answers.tolist()) == {1, 2, 3}
    assert (batch.targets[:, 6:] == 3).double().mean() > 0.9


def test_a_model_of_three_streams_can_be_evaluated_on_five() -> None:
    source, answer = sources_and_answers("interleaved-majority", 15, 10, "validation[streams=5]")
    assert answer.shape == (10, 6)
    for stream in range(5):
        assert torch.equal((source[:, stream::5].sum(1) > 1).long(), answer[:, stream])


@pytest.mark.parametrize(
    ("name", "length", "sentence"),
    [
        ("interleaved-majority", 10, "A sequence of InterleavedMajority has 3, 6, 9 or more symbols, in steps of 3"),
        ("interleaved-majority[streams=5]", 16, "has 5, 10, 15 or more symbols, in steps of 5"),
        ("count", 257, "There are 256 numbers to count; got a length of 257. Set numbers=257"),
        ("string-equality", 5, "has 4, 6, 8 or more symbols, in steps of 2"),
    ],
)
def test_impossible_lengths_are_answered(name: str, length: int, sentence: str) -> None:
    task = load(name)
    task.check_length(length - 1)
    with pytest.raises(InputError, match=sentence):
        task.check_length(length)


def test_a_source_is_as_long_as_its_lead() -> None:
    with pytest.raises(InputError, match="A mode that leads by 9 needs a length of at least 9; got a length of 8"):
        load("mode[lead=9]").check_length(8)


def test_the_local_field_is_one_function_of_distances_everywhere() -> None:
    batch = load("local-field").sample(torch.Generator().manual_seed(0), 4_000, 40, "train")
    assert isinstance(batch, Tokens)
    assert batch.scored.sum(1).tolist() == [24] * 4_000
    weights = torch.tensor([(-1) ** (d + 1) / d for d in range(1, 17)], dtype=torch.float64)
    weights /= weights.square().sum().sqrt()
    matrix = torch.zeros(40, 40, dtype=torch.float64)
    for place in range(16, 40):
        for distance in range(1, 17):
            matrix[place, place - distance] = weights[distance - 1]
    spins = torch.where(batch.inputs == 1, 1.0, -1.0).double()
    torch.testing.assert_close(batch.targets.double(), spins @ matrix.T, atol=1e-6, rtol=0)
    answers = batch.answers
    assert answers.square().mean().item() == pytest.approx(1, abs=4 * (2 / 4_000) ** 0.5)
    nearest = spins[:, 15:39].flatten() * weights[0]
    left = (answers - nearest).square().mean().item()
    assert left == pytest.approx(0.37, abs=0.03)
    assert 1 - weights[0].item() ** 2 == pytest.approx(0.37, abs=0.005)
    with pytest.raises(InputError, match="17, 18, 19 or more spins"):
        load("local-field").check_length(16)
