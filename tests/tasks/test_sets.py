"""Tasks on sets: what they ask for is what they answer, whatever the length."""

import pytest
import torch

from lengthwise.errors import InputError
from lengthwise.tasks import Sets, load

NAMES = ["argmax-retrieval", "dictionary-lookup"]


def sample(name: str, batch: int, length: int, seed: int = 0) -> Sets:
    sets = load(name).sample(torch.Generator().manual_seed(seed), batch, length, "validation")
    assert isinstance(sets, Sets)
    return sets


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [1, 2, 16, 300])
def test_shapes_are_those_the_model_is_built_for(name: str, length: int) -> None:
    sizes, batch = load(name).sizes, sample(name, 7, length)
    assert batch.items.shape == (7, length, sizes["item_features"])
    assert batch.query.shape == (7, sizes["query_features"])
    assert batch.items.dtype == batch.query.dtype == torch.float32
    assert 0 <= batch.targets.min() <= batch.targets.max() < sizes["classes"]


@pytest.mark.parametrize("name", NAMES)
def test_same_generator_same_batch(name: str) -> None:
    first, second, other = sample(name, 4, 20), sample(name, 4, 20), sample(name, 4, 20, seed=1)
    assert all(torch.equal(one, two) for one, two in zip(first, second, strict=True))
    assert not torch.equal(first.items, other.items)


@pytest.mark.parametrize("length", [1, 5, 1000])
def test_argmax_is_the_class_of_the_highest_priority(length: int) -> None:
    batch = sample("argmax-retrieval", 50, length)
    for items, target, holder in zip(batch.items, batch.targets, batch.holder, strict=True):
        best = max(range(length), key=lambda index: items[index, 0].item())
        assert holder == best
        assert items[best, 1:].tolist() == [float(kind == target) for kind in range(10)]
    assert 0 <= batch.items[..., 0].min() <= batch.items[..., 0].max() < 1


@pytest.mark.parametrize("length", [1, 5, 200, 256, 257, 4000])
def test_lookup_has_distinct_keys_one_of_them_asked_for(length: int) -> None:
    batch = sample("dictionary-lookup", 20, length)
    assert set(batch.items[..., :16].unique().tolist()) <= {-1.0, 1.0}
    numbers = ((batch.items[..., :16] > 0) * 2.0 ** torch.arange(16)).sum(-1)
    for row, items, query, target, holder in zip(
        numbers, batch.items, batch.query, batch.targets, batch.holder, strict=True
    ):
        assert len(row.unique()) == length
        assert torch.equal((items[:, :16] == query).all(1).nonzero()[:, 0], holder[None])
        assert items[holder, 16:].tolist() == [float(value == target) for value in range(10)]


def test_lookup_draws_keys_from_everywhere() -> None:
    for length in (16, 300):
        bits = sample("dictionary-lookup", 400, length).items[..., :16]
        assert bits.mean((0, 1)).abs().max() < 5 / (400 * length) ** 0.5


def test_lookup_can_use_every_key() -> None:
    numbers = ((sample("dictionary-lookup", 1, 65_536).items[..., :16] > 0) * 2.0 ** torch.arange(16)).sum(-1)
    assert len(numbers.unique()) == 65_536


@pytest.mark.parametrize("name", NAMES)
def test_bad_input_is_answered(name: str) -> None:
    with pytest.raises(InputError, match="0"):
        sample(name, 1, 0)
    with pytest.raises(InputError, match="split"):
        load(name).sample(torch.Generator(), 1, 4, "dense")
    with pytest.raises(InputError, match="65,536"):
        sample("dictionary-lookup", 1, 65_537)
