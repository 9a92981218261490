"""What is said of an experiment, on the page and in the terminal."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from lengthwise.analysis import summarise
from lengthwise.experiments.record import Experiment
from lengthwise.reports import overview, verdicts
from lengthwise.reports.text import counted, joined, multiple, p_value, percent, points
from lengthwise.reports.words import Words
from lengthwise.tasks.recall.flip_flop import FlipFlop
from lengthwise.tasks.sets.coupled_series import CoupledSeries
from lengthwise.tasks.sets.set_matching import SetMatching

Make = Callable[..., Experiment]


@pytest.mark.parametrize(
    ("share", "shown"),
    [(1, "100.0"), (0.9997, "99.9"), (0.99999, "99.9"), (0.5, "50.0"), (0.1234, "12.3"), (0.0001, "0.1"), (0, "0.0")],
)
def test_percent_is_whole_only_if_it_is(share: float, shown: str) -> None:
    assert percent(share) == shown


def test_percent_forgives_the_rounding_of_a_mean() -> None:
    assert percent(1 - 1e-15) == "100.0"


def test_nouns_have_their_plural() -> None:
    assert [counted(number, "series") for number in (1, 2)] == ["1 series", "2 series"]
    nouns = [Words(task.unit, task.example) for task in (SetMatching, CoupledSeries, FlipFlop)]
    assert [of.of("share of examples") for of in nouns] == ["share of pairs", "share of series", "share of sequences"]
    assert [of.per_example for of in nouns] == ["items per set", "variates per series", "tokens per sequence"]


def test_joined() -> None:
    assert [joined("a"), joined("ab"), joined("abc")] == ["a", "a and b", "a, b and c"]


def test_differences_have_a_sign_and_p_values_two_digits() -> None:
    assert [points(x) for x in (0.031, -0.0042, 0, 1e-9)] == ["+3.1", "−0.4", "0.0", "+0.0"]
    assert [p_value(p) for p in (0.0156, 0.0004, 1)] == ["0.016", "below 0.001", "1"]
    assert [multiple(x) for x in (0.5, 4, 1024)] == ["0.5", "4", "1,024"]


def test_says_what_holds_what_falls_and_what_failed(experiment: Experiment) -> None:
    holds, falls, _, few, failed = verdicts(summarise(experiment))
    assert holds == (
        "threshold-relative stays at 100.0 % exact match up to 4,096 tokens, 32 times its training length, "
        "on validation, dense and sparse data, on both seeds."
    )
    assert falls == (
        "softmax+rope falls below 50 % exact match at 256 tokens (2 times its training length) on sparse data, "
        "512 tokens (4 times) on validation data and 1,024 tokens (8 times) on dense data, with 1 of 2 seeds."
    )
    assert few.startswith("Points at 4,096 tokens have few sequences, in the smallest case 64 per seed")
    assert "a rate of 94.3 % or more" in few
    assert failed == "1 of 9 runs failed: softmax+rope (learning rate 0.001, seed 1)."


def test_few_examples_are_told_by_split_where_only_some_have_few(sized: Experiment) -> None:
    assert verdicts(summarise(sized))[1].startswith(
        "Points at 128 and 512 tokens on dense data and at 8,192 tokens have few sequences, in the smallest case 32 "
        "per seed: even 32 right of 32 only shows"
    )


def test_of_many_mechanisms_those_alike_share_a_verdict_on_the_first_split(many: Experiment) -> None:
    best, others, worst, *_ = verdicts(summarise(many))
    assert best.startswith("threshold-relative stays at 100.0 % exact match up to 4,096 tokens")
    assert best.endswith("on validation data, with 1 seed.")
    assert re.match(
        r"softmax\+nape, softmax\+t5, .* and softmax\+p-rope: each falls below 50 % exact match at 1,024", others
    )
    assert worst.startswith("softmax+rope falls below 50 % exact match at 512 tokens")


def test_one_split_needs_no_mention(alone: Experiment) -> None:
    assert verdicts(summarise(alone))[0] == (
        "softmax+rope falls below 50 % exact match at 512 tokens, 4 times its training length, with 1 seed."
    )


def test_a_wrong_sequence_is_not_perfect(make: Make) -> None:
    experiment = make(mechanisms=("threshold-relative",), seeds=3, splits=("validation",))
    assert verdicts(summarise(experiment))[0].endswith("32 times its training length, on all 3 seeds.")
    run = experiment.finalists("threshold-relative")[0]
    *others, last = run.points
    wrong = replace(last.values["exact_match"], value=63 / 64)
    points = (*others, replace(last, values=last.values | {"exact_match": wrong}))
    runs = tuple(replace(run, points=points) if other is run else other for other in experiment.runs)
    said = verdicts(summarise(replace(experiment, runs=runs)))[0]
    assert "goes no lower than 99.5 % exact match up to 4,096 tokens" in said
    assert said.endswith("in the mean of 3 seeds.")


def test_nothing_known_is_nothing_said(unfinished: Experiment) -> None:
    assert verdicts(summarise(unfinished)) == [f"{name} is not evaluated yet." for name in unfinished.config.mechanisms]


def test_sets_have_items_and_accuracy(sets: Experiment) -> None:
    said = verdicts(summarise(sets))
    assert said[0] == (
        "softmax falls below 50 % accuracy at 1,024 items, 64 times its training length, in the mean of 10 seeds."
    )
    shown = " ".join(_shown(sets).split())
    assert "Accuracy on argmax-retrieval, % of sets" in shown
    assert "Lengths in items, and as multiples of the training length (16 items)." in shown
    assert not re.search("tokens?|sequences?|[Ee]xact match", " ".join([*said, shown]))


def _shown(experiment: Experiment) -> str:
    console = Console(width=80)
    with console.capture() as shown:
        console.print(overview(summarise(experiment)))
    return shown.get()


def test_table_fits_the_terminal_and_agrees_with_the_page(experiment: Experiment) -> None:
    shown = _shown(experiment)
    assert "4,096" in shown
    assert "32×" in shown
    assert "Mean over 1 to 2 seeds." in " ".join(shown.split())
    row = next(line for line in shown.splitlines() if line.startswith("softmax+rope"))
    points = [p for run in experiment.finalists("softmax+rope") for p in run.points if p.split == "validation"]
    assert row.split()[1:] == [percent(point.values["exact_match"].value) for point in points]


def test_table_without_results(unfinished: Experiment) -> None:
    assert "Nothing is evaluated yet." in _shown(unfinished)


def test_drawing_is_imported_late() -> None:
    code = "import sys, lengthwise.reports; print({'altair', 'vl_convert', 'jinja2'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True).stdout
        == "set()\n"
    )


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        ("tomita-7", "Theory predicts that transformers without positional encodings generalise to longer strings"),
        ("tomita-3", "Theory does not predict that transformers without positional encodings generalise"),
        ("flip-flop", ""),
    ],
)
def test_of_a_regular_language_is_said_what_theory_predicts(make: Make, task: str, sentence: str) -> None:
    summary = summarise(make(task=task, mechanisms=("softmax",), rates=(1e-3,), seeds=1, splits=("validation",)))
    said = [text for text in verdicts(summary) if text.startswith("Theory")]
    assert len(said) == (sentence != "")
    assert all(text.startswith(sentence) and "arXiv 2608.13433" in text for text in said)
