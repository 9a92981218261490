"""Tasks on sets: what they ask for is what they answer, whatever the length."""

from itertools import product

import pytest
import torch
from scipy.stats import chisquare

from lengthwise.errors import InputError
from lengthwise.tasks import Answered, Sets, Tokens, load
from lengthwise.tasks.batch import Reply
from lengthwise.tasks.metrics import AbsoluteError, CrossEntropy, ExactMatch, RightKey, TotalVariation

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


def complement(length: int) -> Tokens:
    batch = load("set-complement[symbols=6]").sample(torch.Generator().manual_seed(0), 6_000, length, "train")
    assert isinstance(batch, Tokens)
    return batch


def test_absent_tokens_are_equally_likely() -> None:
    batch = complement(2)
    assert batch.targets.dtype == torch.float32
    counts = torch.bincount(batch.inputs @ torch.tensor([6, 1]), minlength=36).view(6, 6)
    assert not counts.diagonal().any()
    assert chisquare(counts[~torch.eye(6, dtype=torch.bool)].tolist()).pvalue > 0.001
    for tokens, answers in zip(batch.inputs[:20].tolist(), batch.targets[:20], strict=True):
        for seen, answer in ((1, answers[0]), (2, answers[1])):
            assert answer.nonzero()[:, 0].tolist() == sorted(set(range(6)) - set(tokens[:seen]))
            assert answer.max() == answer.sum() / (6 - seen)


def test_no_sequence_holds_all_tokens() -> None:
    load("set-complement[symbols=6]").check_length(5)
    for length in (0, 6):
        with pytest.raises(InputError, match=f"1 to 5 tokens; got a length of {length}"):
            complement(length)


def test_total_variation_is_the_distance_of_distributions() -> None:
    """Of the uniform distribution over six tokens, 1/6 is at the absent token, and 2/6 at both."""
    batch = complement(2)
    said = torch.zeros(len(batch.answers), 6)
    answered = Answered(batch, Reply((said,), (batch.answers,)), torch.zeros(6_000, dtype=torch.long))
    sums, weights = TotalVariation().of(answered)
    assert sums.tolist() == pytest.approx([1 / 6 + 2 / 6] * 6_000)
    assert weights.unique().tolist() == [2]
    classes = batch.inputs.flatten()
    certain = answered._replace(reply=Reply((said,), (classes,)))
    assert TotalVariation().of(certain)[0].tolist() == pytest.approx([2 * 5 / 6] * 6_000)


def test_a_sampled_answer_is_any_absent_token_and_validation_has_their_distribution() -> None:
    task = load("set-complement[symbols=6,sampled=true]")
    batch = task.sample(torch.Generator().manual_seed(0), 6_000, 3, "train")
    assert isinstance(batch, Tokens)
    seen = torch.nn.functional.one_hot(batch.inputs, 6).cumsum(1)
    assert (seen.gather(2, batch.targets[..., None]) == 0).all(), "the token is absent"
    rank = (seen[:, -1] == 0).cumsum(1).gather(1, batch.targets[:, -1:])[:, 0]
    assert chisquare(rank.bincount(minlength=4)[1:].tolist()).pvalue > 0.001
    assert task.sample(torch.Generator().manual_seed(0), 8, 3, "validation")[1].is_floating_point()


def retrieval(split: str, length: int = 9, options: str = "", batch: int = 400) -> Sets:
    task = load(f"contextual-retrieval{options}")
    found = task.sample(torch.Generator().manual_seed(0), batch, length, split)
    assert isinstance(found, Sets)
    return found


@pytest.mark.parametrize("length", [1, 9, 40])
def test_each_search_retrieves_the_value_that_it_chose_from_its_nearest_item(length: int) -> None:
    batch = retrieval("validation", length)
    rows = zip(batch.items.tolist(), batch.query.tolist(), batch.targets.tolist(), strict=True)
    for items, query, answer in rows:
        found = []
        for search, choice in ((0, query[4:6]), (1, query[6:8])):
            nearest = min(items, key=lambda item: abs(item[search] - query[search]))
            found.append(nearest[2:4][choice.index(1.0)])
        assert answer == pytest.approx(-0.71347752 * found[0] - 0.6062312 * found[1], abs=1e-5)
    assert batch.holder.unique().tolist() == [-1]
    assert retrieval("train", batch=4000).targets.abs().mean() == pytest.approx(0.747, abs=0.04)


@pytest.mark.parametrize(
    ("searches", "values", "unseen"),
    [
        (2, 2, {(1, 1)}),
        (2, 3, {(1, 2), (2, 1)}),
        (3, 2, {(1, 0, 1), (1, 1, 1)}),
    ],
)
def test_unseen_choices_are_those_that_training_leaves_out(
    searches: int, values: int, unseen: set[tuple[int, ...]]
) -> None:
    """Of all choices in their order, those with an odd number, but for the first of these."""
    found = {}
    for split in ("train", "validation", "unseen"):
        batch = retrieval(split, options=f"[searches={searches},values={values}]")
        elements = torch.cat([batch.query[:, None], batch.items], 1)
        chosen = elements[..., searches + values :].unflatten(-1, (searches, values)).argmax(-1).flatten(0, 1)
        found[split] = {tuple(row) for row in chosen.tolist()}
    assert found["unseen"] == unseen
    assert found["train"] == found["validation"] == set(product(range(values), repeat=searches)) - unseen


def test_numbers_are_measured_by_their_error_alone() -> None:
    batch = retrieval("validation", batch=3)
    reply = Reply((batch.targets[:, None] + torch.tensor([[0.5], [-1.0], [0.0]]),), (batch.targets,))
    answered = Answered(batch, reply, torch.zeros(3, dtype=torch.long))
    sums, weights = AbsoluteError().of(answered)
    assert sums.tolist() == pytest.approx([0.5, 1.0, 0.0], abs=1e-6)
    assert weights.tolist() == [1, 1, 1]
    for metric in (ExactMatch(), TotalVariation(), CrossEntropy()):
        with pytest.raises(InputError, match="measure its absolute_error"):
            metric.of(answered)
    with pytest.raises(InputError, match="No single item"):
        RightKey().of(answered)
