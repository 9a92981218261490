"""Planes: the main metric against the length and an option of the task, in the summary and in reports."""

import io
import json
from collections.abc import Callable

import pytest
from rich.console import Console

from lengthwise.analysis import Summary, summarise
from lengthwise.analysis.axes import axes
from lengthwise.experiments.record import Experiment
from lengthwise.reports import overview, write_report
from lengthwise.tasks import load

Make = Callable[..., Experiment]


@pytest.mark.parametrize(
    ("task", "splits", "found"),
    [
        ("flip-flop", ["validation", "dense"], []),
        ("flip-flop", ["validation", "validation[ignore=0.5]"], [("validation", "ignore", (0.5, 0.8), (0.8, 0.8))]),
        (
            "addition[operands=5]",
            ["validation[operands=6]", "validation[operands=2]", "carries"],
            [("validation", "operands", (2, 6), (2, 5))],
        ),
        ("addition", [f"carries[operands={n}]" for n in (3, 4)], [("carries", "operands", (3, 4), (2, 2))]),
        ("mqar", [f"{s}[pairs={n}]" for s in ("train", "validation") for n in (8, 4)],
         [(s, "pairs", (4, 8), (4, 4)) for s in ("train", "validation")]),
        ("mqar", ["validation[pairs=8]", "validation[exponent=0.5]"], []),
        ("mqar", ["validation", "validation[blank=true]"], []),
        ("mqar", ["validation[blank=true]", "validation[blank=true,pairs=8]"],
         [("validation", "pairs", (4, 8), (4, 4))]),
    ],
)  # fmt: skip
def test_an_axis_is_one_number_that_varies(task: str, splits: list[str], found: list[tuple[object, ...]]) -> None:
    made = axes(load(task), splits)
    assert [(axis.split, axis.option, axis.values, axis.trained) for axis in made] == found
    assert all(axis.trained is None for axis in axes(load(task), splits, elsewhere=True))
    for axis in made:
        assert set(axis.splits) <= set(splits)


def test_the_plane_holds_the_cells_of_the_grid(swept: Experiment) -> None:
    summary = summarise(swept)
    (plane,) = summary.planes
    assert plane.axis.values == (2, 3, 4, 5, 6)
    assert (plane.axis.trained_values, summary.design.trained_lengths) == ((2, 3), (33,))
    for mechanism, rows in plane.rows.items():
        for value, row in zip(plane.axis.values, rows, strict=True):
            assert row == summary.main.rows[f"validation[operands={value}]"][mechanism]
            assert [cell and cell.seeds for cell in row] == [2, 2, 2]
    assert len(summary.rows("planes")) == 2 * 5 * 3
    frame = summary.to_dataframe("planes")
    wide = frame[frame.mechanism == "softmax+rope"].pivot(index="value", columns="length", values="mean")
    assert wide.loc[6, 123] < wide.loc[6, 33] < wide.loc[2, 33]
    assert Summary.read(write_report(summary, swept.folder).with_name("summary.json")) == summary


def test_page_and_terminal_show_them(swept: Experiment) -> None:
    page = write_report(summarise(swept), swept.folder).read_text(encoding="utf-8")
    assert "Exact match by tokens and operands</h2>" in page
    assert "Training has operands 2 to 3 and 9 to 33 tokens." in page
    assert "softmax+rope, validation[operands=6] · 123 tokens, 3.73 times its training length" in page
    figure = json.loads((swept.folder / "figures" / "plane-validation.vl.json").read_text(encoding="utf-8"))
    assert len(figure["datasets"]["rows"]) == 30
    assert sum(row["trained"] for row in figure["datasets"]["rows"]) == 4
    shown = io.StringIO()
    Console(file=shown, width=120).print(overview(summarise(swept)))
    assert "Exact match by tokens and operands on addition[operands=3], validation data" in shown.getvalue()
    assert "operands 6" in shown.getvalue()
    assert "operands=6" not in shown.getvalue().partition("Effective")[0], "the other table has the other splits"


def test_nothing_is_shown_of_what_is_not_evaluated(swept: Experiment) -> None:
    from dataclasses import replace

    summary = summarise(replace(swept, runs=(), chosen={}))
    assert summary.rows("planes") == []
    page = write_report(summary, swept.folder / "empty").read_text(encoding="utf-8")
    assert "<strong>Nothing is evaluated yet.</strong>" in page
