"""``lengthwise swap``: another mechanism for a trained run, from the command to the report."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lengthwise.experiments.folder import RunFolder

Call = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def run(lengthwise: Call, tiny: list[str], tmp_path: Path) -> Path:
    """A trained run of softmax+rope."""
    folder = tmp_path / "run"
    assert lengthwise("run", "flip-flop", "-a", "softmax+rope", *tiny, "--out", folder).code == 0
    return folder


def test_a_swap_is_a_run_like_any_other(lengthwise: Call, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "swapped"
    command = ["swap", run, "-a", "t2r", "--steps", "4", "--learning-rate", "3e-3", "--out", out]
    answer = lengthwise(*command)
    assert answer.code == 0, answer.error
    assert f"Taken over from {run}: embedding.weight, blocks.*.attention_norm.weight" in answer.out
    assert "Fresh: blocks.*.attention.weights.weight, blocks.*.attention.weights.bias." in answer.out
    assert "Dropped: nothing." in answer.out
    assert f"from the trained weights in {run}." in (out / "report.html").read_text(encoding="utf-8")
    assert json.loads((out / "summary.json").read_text(encoding="utf-8"))["design"]["start"] == str(run)
    before, after = RunFolder(run).config, RunFolder(out).config
    train = {"steps": 4, "learning_rate": 3e-3}
    assert after == before.vary(
        start=str(run), start_sha256=after.start_sha256, model={"mechanism": "t2r"}, train=train
    )
    assert "already holds this; add --resume" in lengthwise(*command).error
    again = lengthwise(*command, "--resume")
    assert again.code == 0
    assert "Fresh" not in again.out
    assert lengthwise("evaluate", out, "--lengths", "64").code == 0
    assert {point.length for point in RunFolder(out).read().points} == {16, 32, 64}


def test_a_swap_can_be_swapped(lengthwise: Call, run: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert lengthwise("swap", run, "-a", "t2r", "--steps", "0", "--out", first).code == 0
    answer = lengthwise("swap", first, "-a", "softmax+rope", "--steps", "0", "--out", second)
    assert "Dropped: blocks.*.attention.weights.weight, blocks.*.attention.weights.bias." in answer.out
    there, here = ([point.values for point in RunFolder(folder).points] for folder in (run, second))
    assert there == here, "there and back"


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        (["-a", "t2rr", "--steps", "4"], "There is no attention mechanism or part of one called 't2rr'; did you mean"),
        (["-a", "t2r", "--steps", "-4"], "train.steps cannot be -4"),
        (["-a", "t2r", "--steps", "4", "--learning-rate", "0"], "train.learning_rate cannot be 0"),
        (["-a", "t2r"], "Missing option '--steps'"),
        (["-a", "doubly-normalised", "--steps", "4"], "cannot be kept from looking ahead"),
    ],
)
def test_bad_input(lengthwise: Call, run: Path, tmp_path: Path, options: list[str], fragment: str) -> None:
    answer = lengthwise("swap", run, *options, "--out", tmp_path / "out")
    assert answer.code == 2
    assert fragment in answer.error
    assert not (tmp_path / "out").exists()


def test_no_run_to_swap(lengthwise: Call, tmp_path: Path) -> None:
    answer = lengthwise("swap", tmp_path / "none", "-a", "t2r", "--steps", "4", "--out", tmp_path / "out")
    assert answer.code == 2
    assert "none holds no run; give the folder of a run that is trained." in answer.error
