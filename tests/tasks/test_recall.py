"""Tasks that look something up: their distributions, options and lengths; and that nothing else tells the answer."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.tasks import Tokens, load
from lengthwise.tasks.drawing import counted

MANY = 4_000


def drawn(name: str, length: int, split: str = "train", batch: int = MANY, seed: int = 0) -> Tokens:
    task, plain = load(name).drawn_by(split)
    found = task.sample(torch.Generator().manual_seed(seed), batch, length, plain)
    assert isinstance(found, Tokens)
    return found


def first_answers(batch: Tokens) -> Tensor:
    """The first scored answer of every example."""
    return batch.targets.gather(1, batch.scored.int().argmax(1, keepdim=True))[:, 0]


def place(tokens: Tensor, symbol: Tensor | int) -> Tensor:
    """The first place of a symbol."""
    return (tokens == symbol).int().argmax(1)


def last(batch: Tokens) -> Tensor:
    return batch.inputs[:, -1:]


def query(batch: Tokens) -> Tensor:
    """The query of a retrieval, which stands before its answer."""
    return batch.inputs[:, -2:-1]


def first_slot(batch: Tokens) -> Tensor:
    """The slot in which the first of four keys is asked for."""
    return place(batch.inputs[:, 9:], batch.inputs[:, 1:2]) // 2


def asked_pair(batch: Tokens) -> Tensor:
    """Which of six pairs the first of four queries is for, by its key."""
    asked = batch.inputs[:, 50:52]
    colons = (batch.inputs[:, :49] == 257).nonzero()[:, 1].view(-1, 6)
    keys = torch.stack([batch.inputs.gather(1, colons - back) for back in (2, 1)], dim=2)
    return (keys == asked[:, None]).all(2).int().argmax(1)


def last_key_of_two(batch: Tokens) -> Tensor:
    """Which of two keys ends a text that holds both."""
    keys = batch.inputs[:, ::2]
    both = (keys[:, :-1] == 0).any(1) & (keys[:, :-1] == 1).any(1)
    return keys[both, -1]


def first_pair(batch: Tokens) -> tuple[Tensor, Tensor]:
    """The numbers of tokens of the first key and the first value of a fuzzy text, less 1."""
    is_value = (batch.inputs >= 7) & (batch.inputs < 15)
    begin, middle = ((kind).int().argmax(1) for kind in (batch.inputs < 7, is_value))
    after = counted(batch.inputs.shape[1]) > middle[:, None]
    return middle - begin - 1, (after & ~is_value).int().argmax(1) - middle - 1


def case(batch: Tokens) -> Tensor:
    """0 if symbol 64 occurs, 1 if only symbol 50 does, and 2 otherwise."""
    asks_min, asks_first = ((batch.inputs == symbol).any(1) for symbol in (64, 50))
    return torch.where(asks_min, 0, torch.where(asks_first, 1, 2))


DISTRIBUTIONS: dict[str, tuple[str, int, Callable[[Tokens], Tensor], Sequence[float]]] = {
    "symbols of n-back": ("n-back", 9, lambda batch: batch.inputs[:, 1:].flatten(), [1] * 16),
    "the repeated symbol": ("induction", 9, lambda batch: last(batch)[:, 0], [1] * 16),
    "its place": ("induction", 9, lambda batch: place(batch.inputs[:, 1:], last(batch)), [1] * 7),
    "the symbol after it": ("induction", 9, first_answers, [1] * 16),
    "the symbol after a special one": ("induction[special=true]", 9, first_answers, [0] + [1] * 15),
    "the place of the flag": ("flag-retrieval", 9, lambda batch: place(batch.inputs[:, 1:], 10), [1] * 8),
    "the symbol after the flag": ("flag-retrieval", 9, first_answers, [1] * 10),
    "the flagged pair in training": ("flagged-pair", 16, lambda batch: place(batch.inputs[:, 1::2], 10), [1] * 4),
    "the flagged symbol": ("flagged-pair", 16, first_answers, [1] * 10),
    "the place of the query": ("unique-retrieval", 9, lambda batch: place(batch.inputs[:, 1:], query(batch)), [1] * 8),
    "the place of the query, on the right": (
        "unique-retrieval[side=left]",
        9,
        lambda batch: place(batch.inputs[:, 1:], query(batch)),
        [0] + [1] * 8,
    ),
    "unique answers": ("unique-retrieval", 9, first_answers, [1] * 5),
    "other answers": ("non-unique-retrieval", 9, first_answers, [1] * 5),
    "the letter after an n-gram": ("n-gram-lookup", 9, first_answers, [1] * 26),
    "cases in training": (
        "argmin-first-argmax",
        40,
        case,
        [1 - 0.99**40, 0.99**40 - 0.98**40, 0.98**40],
    ),
    "symbols to copy": ("selective-copying", 24, lambda batch: batch.inputs[:, -16:].flatten(), [1] * 14),
    "their places": (
        "selective-copying",
        24,
        lambda batch: (batch.inputs[:, 1:25] != 14).nonzero()[:, 1],
        [1] * 24,
    ),
    "slots by the power law": ("mqar", 28, first_slot, [slot ** (0.01 - 1) for slot in range(1, 11)]),
    "slots that are all alike": ("mqar[exponent=1]", 28, first_slot, [1] * 10),
    "fillers": (
        "mqar[vocabulary=12,pairs=2]",
        9,
        lambda batch: batch.inputs[:, 9],
        # A key is free in 4 of 6 sequences; a value always.
        [4] * 6 + [6] * 6,
    ),
    "updated keys": (
        "forgetting-mqar[updates=1]",
        18,
        lambda batch: place(batch.inputs[:, 1:9:2], batch.inputs[:, 9:10]),
        [1] * 4,
    ),
    "places in the grid": (
        "compositional-mqar[vocabulary=12]",
        24,
        lambda batch: batch.inputs[:, 1] * 4 + batch.inputs[:, 2] - 4,
        [1] * 16,
    ),
    "pairs that are asked for": ("mqmtar", 48, asked_pair, [1] * 6),
    "words": (
        "mqmtar[alphabet=4,words=16]",
        48,
        lambda batch: batch.inputs[:, 50] * 4 + batch.inputs[:, 51],
        [1] * 16,
    ),
    "the begin of a text": ("mqmtar", 48, lambda batch: (batch.inputs[:, 1] == 256).long(), [6, 12]),
    "noise": (
        "noisy-recall",
        12,
        lambda batch: (batch.inputs[:, :10:2] >= 16).flatten().long(),
        [1 - 0.2 * 4 / 5, 0.2 * 4 / 5],
    ),
    "the last key": ("noisy-recall[keys=2,noise=0]", 12, last_key_of_two, [1, 1]),
    "sizes of keys": ("fuzzy-recall", 24, lambda batch: first_pair(batch)[0], [1] * 3),
    "sizes of values": ("fuzzy-recall", 24, lambda batch: first_pair(batch)[1], [1] * 3),
    "tokens of keys": ("fuzzy-recall", 24, lambda batch: batch.inputs[batch.inputs < 7], [1] * 7),
    "tokens of values": ("fuzzy-recall", 24, first_answers, [0] * 7 + [1] * 8),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions(name: str) -> None:
    task, length, observe, weights = DISTRIBUTIONS[name]
    counts = torch.bincount(observe(drawn(task, length)), minlength=len(weights)).tolist()
    assert [bool(count) for count in counts] == [bool(weight) for weight in weights]
    some = [(count, weight) for count, weight in zip(counts, weights, strict=True) if weight]
    observed, expected = zip(*some, strict=True)
    scale = sum(observed) / sum(expected)
    assert chisquare(observed, [scale * weight for weight in expected]).pvalue > 0.001


@pytest.mark.parametrize("length", [1, 8, 400])
def test_in_validation_each_case_is_equally_likely(length: int) -> None:
    batch = drawn("argmin-first-argmax", length, "validation")
    found = case(batch)
    assert chisquare(found.bincount(minlength=3).tolist()).pvalue > 0.001
    both = (batch.inputs[found == 0] == 50).any(1).double().mean()
    assert both == pytest.approx(1 - 0.99 ** (length - 1), abs=0.06), "64 overrules 50"


def test_places_are_the_first_ones_of_the_symbols_that_are_asked_for() -> None:
    shown, places = (drawn(f"argmin-first-argmax{which}", 128, "validation") for which in ("", "[place=true]"))
    assert torch.equal(shown.inputs[:, 1:129], places.inputs[:, 1:129])
    sources = zip(shown.inputs[:, 1:129].tolist(), case(shown).tolist(), first_answers(shown).tolist(), strict=True)
    assert first_answers(places).tolist() == [0 if of == 1 else row.index(answer) for row, of, answer in sources]
    with pytest.raises(InputError, match="128 places to answer with; got a length of 129"):
        load("argmin-first-argmax[place=true]").check_length(129)


def likeliest_share(symbols: int, others: int) -> float:
    """How often a uniform one of ``others`` symbols is the most frequent one of them."""
    return (
        sum(max(Counter(drawn).values()) for drawn in product(range(symbols), repeat=others)) / others / symbols**others
    )


@pytest.mark.parametrize(
    ("task", "length", "unordered", "last_alone"),
    [
        ("induction[symbols=4]", 6, likeliest_share(3, 4), 1 / 3),
        ("unique-retrieval[symbols=4]", 5, likeliest_share(3, 4), 1 / 3),
        ("unique-retrieval[symbols=4,side=left]", 5, likeliest_share(3, 4), 1 / 3),
        ("flag-retrieval[symbols=3]", 6, likeliest_share(3, 5), 1 / 3),
        ("selective-copying[symbols=2,copied=4]", 6, likeliest_share(2, 4), 1 / 2),
        ("mqar[vocabulary=8,pairs=2]", 8, 1 / 2, 1 / 4),
        ("forgetting-mqar[vocabulary=8,pairs=2,updates=1]", 10, 1 / 2, 1 / 4),
        ("compositional-mqar[vocabulary=12,blank=true]", 24, 1 / 4, 1 / 4),
        ("mqmtar[alphabet=4,key=1,value=1,words=4,queries=1]", 12, 1 / 2, 1 / 4),
        # Without their order, symbols tell more here: a frequent one is rather the query, or the answer.
        ("non-unique-retrieval[symbols=3]", 40, None, 1 / 3),
        ("n-gram-lookup[letters=6]", 20, None, 1 / 6),
        ("noisy-recall[keys=2,values=3,noise=0]", 6, None, 1 / 3),
        ("fuzzy-recall[keys=3,values=3,key=1,value=1]", 8, None, 1 / 3),
    ],
)
def test_nothing_but_the_place_tells_the_answer(
    task: str, length: int, unordered: float | None, last_alone: float
) -> None:
    """What the symbols without their order tell, and what the last token alone tells, is learnt on half of examples."""
    batch = drawn(task, length, batch=8_000)
    # The first answer of mqmtar is a sign that is always the same.
    asked = (batch.scored & (batch.targets < 4) if task.startswith("mqmtar") else batch.scored).int().argmax(1)
    answers = batch.targets.gather(1, asked[:, None])[:, 0].tolist()
    read = [row[: end + 1] for row, end in zip(batch.inputs.tolist(), asked.tolist(), strict=True)]
    assert guessed([(row[-1],) for row in read], answers) < above(last_alone)
    if unordered is not None:
        assert guessed([(row[-1], *sorted(row)) for row in read], answers) < above(unordered)


def guessed(clues: list[tuple[int, ...]], answers: list[int]) -> float:
    """How often the most frequent answer to the same clue in every other example is right in the others."""
    seen: dict[tuple[int, ...], Counter[int]] = {}
    for clue, answer in zip(clues[::2], answers[::2], strict=True):
        seen.setdefault(clue, Counter())[answer] += 1
    guesses = [seen[clue].most_common(1)[0][0] if clue in seen else -1 for clue in clues[1::2]]
    return sum(guess == answer for guess, answer in zip(guesses, answers[1::2], strict=True)) / len(guesses)


def above(chance: float) -> float:
    """Four standard errors of 4,000 guesses above chance."""
    return chance + 4 * (chance * (1 - chance) / 4_000) ** 0.5


def text(batch: Tokens, row: int, begin: int, end: int) -> str:
    """Tokens as a string, so that Python's methods find words in it."""
    return "".join(chr(97 + token) for token in batch.inputs[row, begin:end].tolist())


@pytest.mark.parametrize("side", ["after", "before"])
@pytest.mark.parametrize("query", ["last", "first"])
@pytest.mark.parametrize(("n", "answer"), [(1, 1), (2, 3)])
def test_n_grams_are_looked_up_on_both_sides(side: str, query: str, n: int, answer: int) -> None:
    batch = drawn(f"n-gram-lookup[letters=4,n={n},answer={answer},side={side},query={query}]", 12, batch=50)
    ends = {"last": ((1, 13), (14, 14 + n)), "first": ((2 + n, 14 + n), (1, 1 + n))}[query]
    begin = 14 + n + (query == "first")
    for row in range(50):
        letters, gram = (text(batch, row, *both) for both in ends)
        found = text(batch, row, begin, begin + answer)
        at = letters.index(gram) + n if side == "after" else letters.rindex(gram) - answer
        assert found == letters[at : at + answer]
        assert batch.scored[row].sum() == answer + 1


@pytest.mark.parametrize("task", ["unique-retrieval", "non-unique-retrieval"])
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("occurrence", ["first", "last"])
def test_neighbours_are_retrieved_on_both_sides(task: str, side: str, occurrence: str) -> None:
    options = f"side={side},occurrence={occurrence}" if task.startswith("non") else f"side={side}"
    batch = drawn(f"{task}[{options}]", 8, batch=50)
    for row in range(50):
        context, query, answer = (text(batch, row, *ends) for ends in ((1, 9), (10, 11), (11, 12)))
        at = context.index(query) if occurrence == "first" else context.rindex(query)
        assert context[at + 1 if side == "right" else at - 1] == answer
        assert (context.count(query) == 1) == (task == "unique-retrieval")


def test_options_do_what_they_say() -> None:
    assert (drawn("induction[special=true]", 9).inputs[:, -1] == 0).all()
    back = drawn("n-back[back=3]", 9)
    assert torch.equal(back.targets[:, 4:], back.inputs[:, 1:-3])
    assert back.scored.sum(1).unique().tolist() == [6]
    blank = drawn("mqar[blank=true]", 40)
    assert (blank.inputs == 8192).sum(1).unique().tolist() == [40 - 8 - 4]
    assert drawn("noisy-recall[noise=0]", 12).inputs.max() < 16
    key, value = first_pair(drawn("fuzzy-recall", 24, split="validation"))
    assert key.unique().tolist() == [2]
    assert value.unique().tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("task", "split", "observe", "found"),
    [
        ("mqar", "validation[pairs=9]", lambda batch: batch.scored.sum(1), 9),
        ("forgetting-mqar", "validation[pairs=5,updates=4]", lambda batch: batch.scored.sum(1), 5),
        ("compositional-mqar", "validation[grid=3]", lambda batch: batch.scored.sum(1), 9),
        ("selective-copying", "validation[copied=4]", lambda batch: batch.scored.sum(1), 5),
        ("mqmtar", "validation[queries=2]", lambda batch: batch.scored.sum(1), 7),
        ("mqmtar", "validation[share=0.5]", lambda batch: (batch.inputs == 257).sum(1), 5),
        ("noisy-recall", "validation[noise=1]", lambda batch: (batch.inputs[:, ::2] >= 16).sum(1), 28),
    ],
)
def test_difficulty_is_set_by_the_split(task: str, split: str, observe: Callable[[Tokens], Tensor], found: int) -> None:
    assert observe(drawn(task, 60, split, batch=20)).unique().tolist() == [found]


@pytest.mark.parametrize(
    ("task", "length", "sentence"),
    [
        ("n-back", 2, "more than 2 symbols; got 2"),
        ("induction", 2, "3 or more symbols; got 2"),
        ("flag-retrieval", 1, "2 or more symbols"),
        ("unique-retrieval", 1, "2 or more symbols"),
        ("non-unique-retrieval", 2, "3 or more symbols"),
        ("n-gram-lookup[n=4,answer=2]", 5, "6 letters in all; got a length of 5"),
        ("selective-copying", 15, "at least the 16 symbols"),
        ("mqar", 15, "take up 16 symbols; got a length of 15"),
        ("forgetting-mqar", 19, "take up 20 symbols"),
        ("compositional-mqar", 23, "take up 24 symbols"),
        ("mqmtar", 7, "too short for a pair"),
        ("noisy-recall", 7, "4, 6, 8 or more tokens"),
        ("fuzzy-recall", 11, "12 tokens in all"),
    ],
)
def test_impossible_lengths_are_answered(task: str, length: int, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        load(task).sample(torch.Generator(), 1, length, "train")
    load(task).check_length(length + 1)


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        ("mqar[vocabulary=8,pairs=5]", "has 4 keys; got 5 pairs"),
        ("forgetting-mqar[updates=5]", "4 pairs, 5 updates"),
        ("compositional-mqar[vocabulary=9]", "3 symbols, is too small for 2 halves of keys or for 4 values"),
        ("mqmtar[alphabet=4,key=3]", "16 words of 2 symbols; got 10,000 words"),
        ("fuzzy-recall[keys=2]", "got 2 tokens for keys of 3"),
    ],
)
def test_options_that_do_not_go_together_are_answered(task: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        load(task)


def test_words_are_the_same_for_all_texts() -> None:
    """All texts draw from the same words, and there are 10,000 of them."""
    inputs = drawn("mqmtar", 640, batch=400).inputs
    row, colons = (inputs == 257).nonzero().unbind(1)
    keys, values = (inputs[row, colons + side] * 256 + inputs[row, colons + side + 1] for side in (-2, 1))
    for words in (keys, values):
        assert 9_500 < len(words.unique()) <= 10_000


def test_a_long_text_of_mqmtar_has_no_pair_twice() -> None:
    task = load("mqmtar[words=50]")
    batch = task.sample(torch.Generator().manual_seed(0), 2, 1_000, "train")
    assert (batch.inputs == 257).sum(1).tolist() == [50, 50]
