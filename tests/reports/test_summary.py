"""The summary: plain data that a file gives back, and tables of it."""

import io
import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas
import pytest

from lengthwise.analysis import Summary, summarise
from lengthwise.analysis.tables import COLUMNS
from lengthwise.errors import InputError
from lengthwise.evaluation.point import Measured
from lengthwise.experiments.record import Experiment
from lengthwise.reports import write_report

Make = Callable[..., Experiment]
NOTHING = Measured(*[math.nan] * 5)


def _without_losses(experiment: Experiment) -> Experiment:
    """The experiment, in which one seed has a loss that is no number at each point."""
    run = experiment.runs[0]
    points = tuple(replace(point, values=point.values | {"loss": NOTHING}) for point in run.points)
    return replace(experiment, runs=(replace(run, points=points), *experiment.runs[1:]))


def _refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is no JSON")


@pytest.mark.parametrize("kind", ["experiment", "sets", "many", "alone", "unfinished", "nan"])
def test_a_file_gives_an_equal_summary_back(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    experiment = request.getfixturevalue("alone" if kind == "nan" else kind)
    summary = summarise(_without_losses(experiment) if kind == "nan" else experiment)
    summary.write(tmp_path / "summary.json")
    assert Summary.read(tmp_path / "summary.json") == summary
    json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"), parse_constant=_refuse)


@pytest.mark.long
def test_a_report_of_what_was_read_back_is_the_same_to_the_byte(make_sets: Make, tmp_path: Path) -> None:
    summary = summarise(make_sets(seeds=6, layers=2, mechanisms=("softmax", "softmax+layer-norm")))
    page = write_report(summary, tmp_path / "first")
    again = write_report(Summary.read(tmp_path / "first" / "summary.json"), tmp_path / "second")
    assert page.read_bytes() == again.read_bytes()
    figures = sorted((tmp_path / "first" / "figures").glob("*.vl.json"))
    assert len(figures) == 5
    for path in figures:
        assert path.read_bytes() == (tmp_path / "second" / "figures" / path.name).read_bytes()


def test_a_file_of_another_format_or_a_damaged_one_is_told(alone: Experiment, tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    summarise(alone).write(path)
    held = json.loads(path.read_text(encoding="utf-8"))
    for changes, sentence in (
        ({"schema": 99}, "has format 99; this version reads format 5. Write the summary again with lengthwise report"),
        ({"slopes": [{}]}, "is damaged: it has no 'slopes.0.split'. Write the summary again"),
    ):
        path.write_text(json.dumps(held | changes), encoding="utf-8")
        with pytest.raises(InputError, match=r"summary\.json") as told:
            Summary.read(path)
        assert sentence in str(told.value)


def test_the_data_frame_has_a_row_for_every_value(experiment: Experiment) -> None:
    frame = summarise(experiment).to_dataframe()
    runs = [run for name in experiment.config.mechanisms for run in experiment.finalists(name)]
    points = [(run, point) for run in runs for point in run.points]
    assert len(frame) == 3 * len(points) == 3 * 5 * 3 * 6  # three metrics; of six finalists one failed
    columns = ["mechanism", "seed", "data_seed", "learning_rate", "split", "length", "metric"]
    columns += ["value", "low", "high", "examples"]
    assert list(frame.columns) == columns
    rows = frame.set_index(columns[:7])
    assert rows.index.is_unique
    for run, point in points:
        for metric, measured in point.values.items():
            at = (run.mechanism, *(run.config.seed,) * 2, run.learning_rate, point.split, point.length, metric)
            numbers = (measured.value, measured.low, measured.high, point.sequences)
            assert tuple(rows.loc[at]) == numbers
    means = frame.groupby(["metric", "mechanism", "split", "length"]).value.mean()
    for grid in summarise(experiment).grids:
        for cell in grid.cells:
            assert cell.mean == pytest.approx(means[grid.metric.name, cell.mechanism, cell.split, cell.length])


def test_what_is_no_number_is_there_without_one(alone: Experiment) -> None:
    summary = summarise(_without_losses(alone))
    losses = [value for value in summary.values if value.metric == "loss"]
    assert len(losses) == len(alone.runs[0].points)
    assert {(of.value, of.low, of.high) for of in losses} == {(None, None, None)}
    assert summary.to_dataframe().query("metric == 'loss'").value.isna().all()
    assert {cell.loss for cell in summary.main.cells} == {None}


def test_the_data_frame_of_claims_has_every_difference(sets: Experiment) -> None:
    summary = summarise(sets)
    frame = summary.to_dataframe("claims")
    assert len(frame) == 3 * 8
    decisive = frame[frame.decides]
    assert list(decisive.theirs) == [claim.theirs for claim in summary.claims]
    assert list(decisive.ruling) == ["fails", "undecided", "undecided"]
    assert list(decisive.outcome) == ["worse", "undecided", "undecided"]
    assert list(decisive.p) == list(decisive.corrected_p)
    secondary = frame[~frame.decides & (frame.length > 16)]
    assert (secondary.corrected_p >= secondary.p).all()
    assert (secondary.corrected_p > secondary.p).any()
    assert ((frame.low <= frame["mean"]) & (frame["mean"] <= frame.high)).all()


def test_without_pandas_the_way_to_it_is_told(alone: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match=r"pip install 'lengthwise\[dataframe\]'"):
        summarise(alone).to_dataframe()
    assert len(summarise(alone).rows()) == 3 * 6


def test_tables_of_nothing_have_their_columns(unfinished: Experiment, alone: Experiment) -> None:
    for table, columns in COLUMNS.items():
        frame = summarise(unfinished).to_dataframe(table)
        assert list(frame.columns) == list(columns)
        assert frame.empty
    assert summarise(alone).to_dataframe("claims").empty


def test_csv_holds_the_table(experiment: Experiment) -> None:
    summary = summarise(_without_losses(experiment))
    frame = pandas.read_csv(io.StringIO(summary.to_csv()))
    pandas.testing.assert_frame_equal(frame, summary.to_dataframe(), check_dtype=False)
