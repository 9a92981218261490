"""Formal languages and groups: uniform members, the labels' balance, lengths, and what theory says of them."""

import re
from collections import Counter
from itertools import product
from pathlib import Path

import pytest
import torch
from scipy.stats import chisquare
from tests.tasks.solvers.languages import LANGUAGES

from lengthwise.errors import InputError
from lengthwise.tasks import Tokens, load
from lengthwise.tasks.languages.automaton import END, Automaton
from lengthwise.tasks.languages.crasp import in_crasp
from lengthwise.tasks.languages.members import members
from lengthwise.tasks.languages.patterns import automaton_of
from lengthwise.tasks.languages.regular_language import RegularLanguage
from lengthwise.testing import check_task


def drawn(name: str, length: int, rows: int, split: str = "validation") -> Tokens:
    task, split = load(name).drawn_by(split)
    batch = task.sample(torch.Generator().manual_seed(0), rows, length, split)
    assert isinstance(batch, Tokens)
    return batch


def strings(name: str, length: int, rows: int = 4000) -> Counter[tuple[int, ...]]:
    return Counter(map(tuple, drawn(name, length, rows).inputs[:, 1:].tolist()))


def language(name: str) -> RegularLanguage:
    task = load(name)
    assert isinstance(task, RegularLanguage)
    return task


@pytest.mark.parametrize("name", LANGUAGES)
def test_members_are_uniform(name: str) -> None:
    symbols, expression, *_ = LANGUAGES[name]
    length = {"abcde-blocks": 7, "one-d": 6, "zero-twos": 5}.get(name, 8)
    every = {word for word in product(range(len(symbols)), repeat=length) if matches(expression, symbols, word)}
    found = strings(name, length)
    assert set(found) <= every
    if len(every) > 1:
        assert chisquare([found[word] for word in every]).pvalue > 0.001


def matches(expression: str, symbols: str, word: tuple[int, ...]) -> bool:
    return re.fullmatch(expression, "".join(symbols[symbol] for symbol in word)) is not None


def test_nestings_and_kinds_are_uniform() -> None:
    found = strings("dyck", 6)
    assert len(found) == 5 * 2**3
    assert chisquare(list(found.values())).pvalue > 0.001


def test_a_state_keeps_its_few_members_beside_the_many_of_another_state() -> None:
    """Of an even length there is one member; of an odd length there are so many that float64 cannot hold the number."""
    arrows = {
        "": {"a": "a", "b": "b"},
        "a": {"a": "", "b": "even"},
        "b": {"a": "even", "b": "even"},
        "even": {"a": "b", "b": "b"},
    }
    automaton = Automaton.of("ab", arrows, accepting=["", "b"])
    assert [automaton.members(length) for length in (2, 3, 10_000, 10_001)] == [1, 2, 1, 2]
    word, states = members(automaton, torch.Generator().manual_seed(0), 3, 10_000)
    assert not word.any()
    assert torch.equal(states, automaton.run(word))
    word, states = members(automaton, torch.Generator().manual_seed(0), 3, 10_001)
    assert torch.equal(states, automaton.run(word))
    assert set(states[:, -1].tolist()) <= automaton.accepting
    assert word.double().mean().item() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("name", [name for name in LANGUAGES if name not in ("tomita-1", "tomita-4", "tomita-5")])
def test_a_pattern_gives_the_automaton_of_the_table(name: str) -> None:
    symbols, expression, *_ = LANGUAGES[name]
    pattern = expression.replace("[012]", "(0|1|2)").replace("[ab]", "(a|b)").replace("[bc]", "(b|c)")
    if name == "dyck-bounded":
        pattern = pattern.replace(r"\(", "u").replace(r"\)", "v")
    found = automaton_of(pattern)
    table = language(name).automaton
    assert (found.transitions, found.accepting) == (table.transitions, table.accepting)
    assert len(found.symbols) == len(symbols)


def test_equal_languages_have_equal_automata() -> None:
    wordy = Automaton.of(
        "ab",
        {
            "start": {"a": "x"},
            "lost": {"a": "x"},
            "x": {"b": "again"},
            "again": {"a": "y"},
            "y": {"b": "start", "a": "trap"},
            "trap": {"a": "trap", "b": "trap"},
        },
        accepting=["start", "again"],
    )
    assert wordy == automaton_of("(ab)*") == Automaton(("a", "b"), ((1, 2), (2, 0), (2, 2)), frozenset({0}))
    assert wordy.follows == (("a", END), ("b",), ())


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda: Automaton(("a",), ((0, 1),), frozenset({0})), "has a row for each of its 1 states"),
        (lambda: Automaton(("a",), ((3,),), frozenset({0})), "numbers from 0 to 0"),
        (lambda: Automaton(("a",), ((0,),), frozenset()), "accepts no string"),
        (lambda: Automaton.of("a", {"x": {"a": "y"}}, ["x"]), "'y' has no arrows"),
        (lambda: Automaton.of("a", {"x": {"b": "x"}}, ["x"]), "symbol 'b', which is not among the symbols"),
        (lambda: automaton_of("(ab"), r"'\(ab' cannot be read"),
        *(
            (lambda of=of: automaton_of(of), "which is not read: use symbols of one character")
            for of in (r"(a|b)\1", "a+?", "a^b", "[^a]b", "a{2,3}", "a.b", "a&b", "\bab", "a b", "ab$")
        ),
        (lambda: automaton_of(""), "No member of '' has a symbol"),
        (lambda: load("tomita-2").check_length(7), "No member of tomita-2 has 7 symbols; choose.*: 6 and 8"),
        (lambda: load("aaaa-star").check_length(300_000_001), "300000000 and 300000004"),
        (lambda: load("abcde-blocks").check_length(4), "near: 5"),
        (lambda: load("dyck-bounded").check_length(0), "near: 2"),
        (lambda: load("dyck").check_length(5), "2, 4, 6 or more symbols"),
        (lambda: load("alternation[blocks=7]").check_length(6), "7 blocks has 7 symbols or more; got 6"),
    ],
)
def test_bad_input_is_answered_by_a_sentence(made: object, sentence: str) -> None:
    assert callable(made)
    with pytest.raises(InputError, match=sentence):
        made()


def test_a_language_of_your_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["from lengthwise.tasks.languages.regular_language import RegularLanguage"]
    for name, pattern in {"Mine": "(ab|bba)*", "Unary": "(ab)*", "Finite": "aab?"}.items():
        lines.append(f"class {name}(RegularLanguage):\n    {name!r}\n    pattern = {pattern!r}")
    (tmp_path / "languages_of_mine.py").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("Mine", "Unary"):
        check_task(f"languages_of_mine:{name}")
    assert [load(f"languages_of_mine:{name}").stride for name in ("Mine", "Unary", "Finite")] == [1, 2, 1]
    assert language("languages_of_mine:Mine").sets == (("a", "b", END), ("b",), ("a",))
    with pytest.raises(InputError, match="No member of finite has 900 symbols; choose a length that is near: 3"):
        load("languages_of_mine:Finite").check_length(900)


def test_a_model_is_evaluated_at_another_depth() -> None:
    for split, deepest in (("validation", 4), ("validation[depth=12]", 12), ("validation[depth=1]", 1)):
        opens = drawn("dyck-bounded", 400, 20, split).inputs[:, 1:] == 0
        assert (2 * opens.long() - 1).cumsum(1).max() == deepest


NOPE = {"tomita-3", "tomita-4", "tomita-5", "tomita-6", "aa-star", "aaaa-star", "abab-star", "zero-twos"}
"""The languages for which arXiv 2410.02140 reports no C-RASP program without positions."""
IN = ["(ab|bbaa)*", "(ab)+b(ab)+", "(ab|ba)*", "(a(ab)*b)*", "b(a|b)*", "a*(ac)*", "(abbc)*", "(ab)*bb(aabb)*"]
OUT = ["(ab|aabb)*", "(ab|bba)*", "(a|b)*b", "(a|b|e)*be*", "((ab)+b+)+", "a*(ba*ba*)*", "(cab|c)*", "(bb)*c*ac"]


def test_crasp_has_the_languages_that_are_published() -> None:
    """Those of arXiv 2410.02140, and some of the 175 of arXiv 2608.13433, tables 1 and 2."""
    for name in LANGUAGES:
        assert in_crasp(language(name).automaton) == (name not in NOPE), name
    for depth in (1, 2, 3, 12):
        assert in_crasp(language(f"dyck-bounded[depth={depth}]").automaton)
    assert [pattern for pattern in IN + OUT if in_crasp(automaton_of(pattern))] == IN


def test_blocks_begin_at_uniform_places() -> None:
    labels = drawn("alternation[blocks=3]", 6, 4000).targets[:, 1:]
    begins = Counter(labels.argmax(1).tolist())
    assert chisquare([begins[place] for place in (2, 3, 4, 5)], [400, 800, 1200, 1600]).pvalue > 0.001


@pytest.mark.parametrize("group", ["A5", "Z60"])
def test_the_last_element_says_nothing_about_the_product(group: str) -> None:
    batch = drawn(f"group-word[group={group}]", 7, 60_000)
    assert batch.scored.sum(1).tolist() == [7] * 60_000
    pairs = torch.bincount(60 * batch.inputs[:, -1] + batch.targets[:, -1], minlength=3600)
    assert chisquare(pairs.tolist()).pvalue > 0.001


def test_groups_are_groups() -> None:
    """Each element occurs once in each row and column; only Z60 is commutative; S5 and A5 agree in size and order."""
    for group, size in {"S5": 120, "A5": 60, "Z60": 60}.items():
        batch = drawn(f"group-word[group={group}]", 2, 20 * size**2)
        table = torch.full((size, size), -1)
        table[batch.inputs[:, 1], batch.inputs[:, 2]] = batch.targets[:, 2]
        assert all(line.sort().values.tolist() == [*range(size)] for line in (*table, *table.T))
        assert torch.equal(table, table.T) == (group == "Z60")
        assert torch.equal(table[table], table[:, table])


@pytest.mark.parametrize("places", [2, 5, 9])
def test_walks_end_anywhere(places: int) -> None:
    batch = drawn(f"cycle-navigation[places={places}]", 200, 3000)
    ends = torch.bincount(batch.targets[:, -2], minlength=places)
    assert chisquare(ends.tolist()).pvalue > 0.001
    last = batch.inputs[:, 200] - 1
    assert chisquare(torch.bincount((batch.targets[:, -2] + places * (last > 0))[last != 0]).tolist()).pvalue > 0.001
