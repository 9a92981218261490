"""What runs there are."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lengthwise import __version__
from lengthwise.experiments.folder import RunFolder
from lengthwise.lock import is_locked, locked

Call = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("undrawn")


def test_every_run_has_a_state_and_a_number(lengthwise: Call, tiny: list[str], tmp_path: Path) -> None:
    assert lengthwise("run", "flip-flop", "-a", "softmax+rope", *tiny, "--out", tmp_path / "done").code == 0
    for name in ("failed", "begun", "trained"):
        shutil.copytree(tmp_path / "done", tmp_path / name)
        (tmp_path / name / "result.json").unlink()
    RunFolder(tmp_path / "failed").failure = "Training\ndiverged."
    for name in ("trained.json", "evaluation.jsonl"):
        (tmp_path / "begun" / name).unlink()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "config.json").write_text("[]", encoding="utf-8")
    (tmp_path / "exported").mkdir()
    (tmp_path / "exported" / "config.json").write_text('{"model_type": "lengthwise"}', encoding="utf-8")
    with locked(tmp_path / "begun"):
        answer = lengthwise("runs", tmp_path)
    assert answer.code == 0, answer.error
    rows = {row[0]: row[1:] for row in (line.split("\t") for line in answer.out.splitlines())}
    assert sorted(rows) == ["begun", "damaged", "done", "failed", "trained"]
    assert rows["begun"] == ["softmax+rope", "training at step 12 of 12, being written", ""]
    assert rows["damaged"][1] == "cannot be read"
    assert rows["done"][1] == "finished"
    assert " at 32)" in rows["done"][2]
    assert rows["failed"][1] == "failed: Training diverged."
    assert rows["trained"][1] == "trained, 6 of 6 points evaluated"


def test_a_comparison_says_how_many_of_its_runs_are_finished(lengthwise: Call, tiny: list[str], tmp_path: Path) -> None:
    contestants = ["-a", "softmax+rope", "-a", "softmax", "--learning-rates", "1e-3"]
    assert lengthwise("compare", "flip-flop", *contestants, *tiny, "--out", tmp_path / "both").code == 0
    (tmp_path / "both" / "runs" / "softmax" / "rate-0.001" / "seed-0" / "result.json").unlink()
    rows = [line.split("\t") for line in lengthwise("runs", tmp_path).out.splitlines()]
    assert rows[0] == ["both", "comparison of 2", "1 of 2 runs finished", ""]
    assert [row[1] for row in rows[1:]] == ["softmax", "softmax+rope"]


def test_runs_that_are_no_longer_asked_for_are_not_counted(lengthwise: Call, tiny: list[str], tmp_path: Path) -> None:
    command = ["compare", "flip-flop", "-a", "softmax", "--learning-rates", "1e-3", *tiny, "--out", tmp_path / "fewer"]
    assert lengthwise(*command, "--seeds", "2").code == 0
    assert lengthwise(*command, "--seeds", "1", "--resume").code == 0
    assert "comparison of 1\t1 of 1 runs finished" in lengthwise("runs", tmp_path).out


def test_looking_leaves_everything_as_it_is(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path):
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)


def test_a_folder_that_is_not_there_is_said(lengthwise: Call, tmp_path: Path) -> None:
    answer = lengthwise("runs", tmp_path / "none")
    assert answer.code == 2
    assert "is not a folder" in answer.error
    assert lengthwise("runs", tmp_path).out == ""


@pytest.mark.parametrize("option", ["--version", "--show-completion"])
def test_version_and_completion(lengthwise: Call, option: str) -> None:
    answer = lengthwise(option)
    if option == "--version":
        assert (answer.code, answer.out) == (0, f"{__version__}\n")
    assert "No such option" not in answer.error


def test_crossed_seeds_are_all_counted(lengthwise: Call, tiny: list[str], tmp_path: Path) -> None:
    seeds = ["-a", "softmax+rope", "--learning-rates", "1e-3", "--seeds", "2x2"]
    assert lengthwise("compare", "flip-flop", *seeds, *tiny, "--out", tmp_path / "crossed").code == 0
    rows = [line.split("\t") for line in lengthwise("runs", tmp_path).out.splitlines()]
    assert rows[0] == ["crossed", "comparison of 1", "4 of 4 runs finished", ""]
