"""Effective lengths: what the summary says, and that page and terminal say the same."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from lengthwise.analysis import Summary, summarise
from lengthwise.experiments.record import Experiment
from lengthwise.reports import overview


def by_place(summary: Summary) -> dict[tuple[str, str], tuple[int | None, int | None]]:
    return {(of.split, of.mechanism): (of.length, of.perfect) for of in summary.effective}


def test_a_mechanism_that_goes_on_for_ever_is_censored(experiment: Experiment) -> None:
    summary = summarise(experiment)
    found = {(of.split, of.mechanism): of for of in summary.effective}
    of = found["validation", "threshold-relative"]
    assert (of.length, of.low, of.high, of.perfect, of.longest, of.censored) == (4096, 4096, 4096, 4096, 4096, True)
    of = found["validation", "softmax+rope"]
    assert (of.length, of.seeds, of.perfect, of.censored) == (128, 1, None, False)
    assert of.base == pytest.approx(1 / (1 + (128 / 300) ** 3), abs=0.01)


def test_without_a_length_beyond_training_there_is_none(make: object) -> None:
    assert callable(make)
    assert summarise(make(lengths=(128,), seeds=1)).effective == ()


def test_where_the_training_length_is_not_evaluated_its_validation_stands_for_it(make: object) -> None:
    assert callable(make)
    summary = summarise(make(lengths=(512, 1024), seeds=1, splits=("validation",)))
    assert by_place(summary)["validation", "softmax+rope"] == (128, None)
    assert by_place(summary)["validation", "threshold-relative"] == (1024, 1024)


def test_page_and_terminal_show_them(report: Path, experiment: Experiment) -> None:
    page = report.read_text(encoding="utf-8")
    assert '<h2 id="effective-length">Effective length</h2>' in page
    assert "at least 4,096" in page
    shown = io.StringIO()
    Console(file=shown, width=120).print(overview(summarise(experiment)))
    assert "≥ 4,096" in shown.getvalue()


def test_the_table_of_effective_lengths(experiment: Experiment) -> None:
    frame = summarise(experiment).to_dataframe("effective")
    assert list(frame["mechanism"].unique()) == list(experiment.config.mechanisms)
    assert frame["perfect"].isna().any()
    assert frame["length"].dtype == float
