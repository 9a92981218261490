"""The verb that writes the numbers of a folder for another program."""

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lengthwise.experiments.comparison import read_experiment

Call = Callable[..., Any]


def test_csv_is_every_value_to_the_last_digit(folder: Path, lengthwise: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """And pandas is not needed: the table is written where it cannot be imported."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    done = lengthwise("export", folder, "--csv")
    assert done.code == 0, done.error
    rows = list(csv.DictReader(io.StringIO(done.out)))
    points = [(run, point) for run in read_experiment(folder).runs for point in run.points]
    wanted = [
        (run.mechanism, str(run.config.seed), point.split, str(point.length), metric, str(measured.value))
        for run, point in points
        for metric, measured in point.values.items()
    ]
    assert [
        tuple(row[k] for k in ("mechanism", "seed", "split", "length", "metric", "value")) for row in rows
    ] == wanted


def test_json_is_the_summary(folder: Path, tmp_path: Path, lengthwise: Call) -> None:
    out = tmp_path / "new" / "summary.json"
    done = lengthwise("export", folder, "--json", "--out", out)
    assert (done.code, done.out) == (0, ""), done.error
    held = json.loads(out.read_text(encoding="utf-8"))
    assert held["design"]["mechanisms"] == ["threshold-relative", "softmax+rope"]
    assert [claim["ruling"] for claim in held["claims"]] == ["undecided"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Choose one output format: give either --csv, --json or --huggingface."),
        (["--csv", "--json"], "Choose one output format: give either --csv, --json or --huggingface."),
        (["--csv", "--out", "."], "is a folder; give the path of a file with --out."),
    ],
)
def test_what_cannot_be_written_is_told_in_a_sentence(
    folder: Path, arguments: list[str], sentence: str, lengthwise: Call
) -> None:
    done = lengthwise("export", folder, *arguments)
    assert (done.code, done.out) == (2, "")
    assert sentence in " ".join(done.error.split())


def test_a_folder_without_a_run_is_told_in_a_sentence(tmp_path: Path, lengthwise: Call) -> None:
    done = lengthwise("export", tmp_path, "--csv")
    assert done.code == 2
    assert "holds no run and no comparison" in " ".join(done.error.split())
