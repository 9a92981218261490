"""Published results beside measured ones."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from lengthwise.analysis import Summary, summarise
from lengthwise.analysis.literature import Literature, literature
from lengthwise.experiments.config import RunConfig
from lengthwise.experiments.record import Experiment
from lengthwise.recipes import find
from lengthwise.reports import overview, write_report
from lengthwise.reports.text import percent
from lengthwise.tasks.facts import FACTS, Setting, Source

Make = Callable[..., Experiment]
SOURCES = [found.source for facts in FACTS.values() for found in facts.published if found.source]


def _text(path: Path) -> str:
    page = path.read_text(encoding="utf-8")
    return " ".join(re.sub(r"<(style|script|svg)\b.*?</\1>|<[^>]*>", " ", page, flags=re.S).split())


def _shown(summary: Summary) -> str:
    shown = io.StringIO()
    Console(file=shown, width=160).print(overview(summary))
    return " ".join(shown.getvalue().split())


def _on(experiment: Experiment, base: RunConfig) -> Experiment:
    """The same experiment, of which runs share something else."""
    return replace(experiment, config=experiment.config.model_copy(update={"base": base}))


@pytest.fixture(scope="module")
def parity(make: Make) -> Experiment:
    """Trained on up to 10 symbols: the published 51–100 of 50 are about 15 here, and 101–150 about 25."""
    train = {"shortest": 1, "length": 10, "steps": 5_000}
    splits = ("validation",)
    return make(task="parity", rates=(1e-3,), splits=splits, lengths=(10, 15, 20, 80), train=train)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.recipe)
def test_a_setting_is_that_of_its_recipe(source: Source) -> None:
    config = RunConfig.read(find(source.recipe).settings)
    assert config.task == source.task
    model, train = config.model, config.train
    assert source.setting == Setting(train.length, getattr(model, "layers", 0), model.dim, train.steps)


def test_a_published_length_meets_the_same_multiple_of_the_training_length(parity: Experiment) -> None:
    summary = summarise(parity)
    (result,) = summary.literature.results
    assert [(place.lengths, place.nearest) for place in result.places] == [((51, 100), 15), ((101, 150), 20)]
    assert result.shares == {"APE": (0.83, 0.621), "NoPE": (0.745, 0.633)}
    assert summary.literature.here == Setting(10, 2, 64, 5_000)
    far = summarise(_on(parity, parity.config.base.vary(evaluate={"lengths": [10, 80]}))).literature.results[0]
    assert [place.nearest for place in far.places] == [None, None], "the training length stands for no length beyond"


def test_page_and_terminal_set_them_side_by_side(parity: Experiment) -> None:
    summary = summarise(parity)
    text, shown = _text(write_report(summary, parity.folder)), _shown(summary)
    said = (
        "NoPE in the source: 12 layers of width 768, trained on up to 50 symbols for at most 60,000 steps. Here: 2 "
        "layers of width 64, trained on up to 10 symbols for at most 5,000 steps. The settings differ, so the numbers "
        "need not agree; the recipe parity-paper has those of the source."
    )
    means = {(cell.mechanism, cell.length): percent(cell.mean) for cell in summary.main.cells}
    for of in (text, shown):
        assert said in of
        assert "arXiv 2410.02140" in of
        assert "read in the code or the result files of the source" in of
        assert "NoPE 74.5 63.3" in of
    for name in parity.config.mechanisms:
        assert f"{name} {means[name, 15]} at 15, 1.5× {means[name, 20]} at 20, 2×" in text
        assert f"{name} {means[name, 15]} {means[name, 20]}" in shown
    assert Summary.read(parity.folder / "summary.json") == summary


def test_results_without_figures_are_sentences(make: Make) -> None:
    experiment = make(task="unique-retrieval", rates=(1e-3,), splits=("validation",), lengths=(128, 256))
    summary = summarise(experiment)
    assert summary.literature.says == ("Generalises (read in the abstract of the source)",)
    assert "Generalises (read in the abstract of the source)" in _text(write_report(summary, experiment.folder))
    assert "Published: Generalises (read in the abstract of the source)" in _shown(summary)


def test_the_settings_of_the_source_are_told_to_be_the_same(make: Make) -> None:
    """And another task with the same sizes is told to be another."""
    train = {"shortest": 32, "length": 64, "steps": 156_250}
    made = make(task="copy", rates=(1e-3,), splits=("validation",), lengths=(64, 1024), train=train, seeds=1)
    base = made.config.base.vary(model={"layers": 2, "dim": 256})
    same = Setting(64, 2, 256, 156_250)
    summary = summarise(_on(made, base))
    assert summary.literature.here == same
    assert "This experiment has the same sizes; other settings may differ." in _shown(summary)
    other = summarise(_on(made, base.model_copy(update={"task": "copy[symbols=4]"})))
    assert "The task of the source is copy." in _shown(other)


def test_a_task_of_which_nothing_is_published_has_no_section(alone: Experiment) -> None:
    summary = summarise(alone)
    assert literature(summary.design, None) == Literature((), (), None)
    assert "Published" not in _text(write_report(summary, alone.folder))
