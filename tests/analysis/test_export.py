"""The verb that writes the numbers of a folder for another program."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from lengthwise.experiments.comparison import read_experiment


def _export(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "lengthwise", "export", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8")


def test_csv_is_every_value_to_the_last_digit(folder: Path) -> None:
    """And pandas is not needed: a process where it cannot be imported writes the table."""
    code = "import sys; sys.modules['pandas'] = None; from lengthwise.cli import main; main()"
    command = [sys.executable, "-c", code, "export", str(folder), "--csv"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    points = [(run, point) for run in read_experiment(folder).runs for point in run.points]
    wanted = [
        (run.mechanism, str(run.config.seed), point.split, str(point.length), metric, str(measured.value))
        for run, point in points
        for metric, measured in point.values.items()
    ]
    assert [
        tuple(row[k] for k in ("mechanism", "seed", "split", "length", "metric", "value")) for row in rows
    ] == wanted


def test_json_is_the_summary(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "summary.json"
    done = _export(folder, "--json", "--out", out)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
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
def test_what_cannot_be_written_is_told_in_a_sentence(folder: Path, arguments: list[str], sentence: str) -> None:
    done = _export(folder, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_folder_without_a_run_is_told_in_a_sentence(tmp_path: Path) -> None:
    done = _export(tmp_path, "--csv")
    assert done.returncode == 2
    assert "holds no run and no comparison" in " ".join(done.stderr.split())
