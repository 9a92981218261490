"""Everything a person can get wrong on the command line is answered in one sentence, and nothing is lost."""

import errno
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lengthwise.ops.threshold_relative import BACKENDS

Call = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["run", "flipflop"], "did you mean 'flip-flop'"),
        (["run", "flip-flop", "-a", "softmax+ropes"], "did you mean 'rope'"),
        (["run", "flip-flop", "-a", "threshold-relative+alibi"], "cannot take the bias"),
        (["run", "flip-flop", "--set", "train.stepz=4"], "did you mean 'train.steps'"),
        (["run", "flip-flop", "--set", "modle.dim=4"], "did you mean 'model'"),
        (["run", "flip-flop", "--set", "train.steps=-4"], "train.steps cannot be -4"),
        (["run", "flip-flop", "--set", "train.steps=true"], "train.steps cannot be True: it is not true or false"),
        (["run", "flip-flop", "--set", "evaluate.lengths=[true,64]"], "evaluate.lengths cannot be [True, 64]"),
        (["run", "flip-flop", "--set", "evaluate.lengths=128:512"], "as in evaluate.lengths=[1,2]"),
        (["run", "flip-flop", "--set", "train.steps=many"], "train.steps cannot be 'many'"),
        (["run", "flip-flop", "--set", "train.learning_rate=nan"], "train.learning_rate cannot be nan"),
        (["run", "flip-flop", "--set", "train=3"], "train cannot be 3"),
        (["run", "flip-flop", "--set", "nonsense"], "KEY=VALUE"),
        (["run", "flip-flop", "--set", "model.dim=63"], "dim must be a multiple of heads"),
        (["run", "flip-flop", "--set", "model.vocab_size=9"], "flip-flop needs 5"),
        (["run", "flip-flop", "--set", "train.accumulate=5"], "multiple of train.accumulate"),
        (["run", "flip-flop", "--set", "train.warmup=1"], "train.warmup cannot be 1"),
        (["run", "flip-flop", "--set", "train.warmup_steps=9"], "did you mean 'train.warmup'"),
        (["run", "flip-flop", "--set", "train.device=tpu"], "train.device cannot be 'tpu'"),
        (["run", "flip-flop", "--set", 'evaluate.splits=["sparce"]'], "did you mean 'sparse'?"),
        (["run", "flip-flop", "--set", "train.average=ema"], "train.average cannot be 'ema': give a decay"),
        (
            ["run", "flip-flop", "--set", "train.average=bema", "--set", "train.average_every=401"],
            "train.average_every must be at most train.steps; got 401 and",
        ),
        (["run", "flip-flop", "--set", "evaluate.sequences=0"], "evaluate.sequences cannot be 0: give a positive"),
        (["run", "flip-flop", "--set", "evaluate.sequences={dense = 0.5}"], "cannot be {'dense': 0.5}: give a"),
        (["run", "flip-flop", "--set", "evaluate.sequences.sparce=4"], "did you mean 'sparse'?"),
        (["run", "flip-flop", "--set", "evaluate.sequences.dense=4"], "has no number for 'validation'; give one"),
        (["run", "flip-flop-paper", "--set", "evaluate.sequences.dense=-4"], "'dense': -4"),
        (["run", "argmax-retrieval", "--set", "evaluate.sequences={}"], "or one for each of validation."),
        (["run", "flip-flop", "--length", "127"], "even and 4 or more"),
        (["run", "flip-flop", "--lengths", "12:4"], "doubles from the first to the last"),
        (["run", "flip-flop", "--lengths", "a,b"], "128,256 or 128:4096"),
        (["run", "flip-flop", "--lengths", "128,3"], "even and 4 or more"),
        (["run", "flip-flop", "--config", "missing.toml"], "Cannot read the configuration missing.toml"),
        (["run", "flip-flop", "--seed", "-1"], "seed cannot be -1"),
        (["run", "flip-flop", "--sed", "1"], "No such option"),
        (["run", "argmax-retrieval", "-a", "softmax+rope"], "A set has no order"),
        (["run", "argmax-retrieval", "--set", "model.layers=2"], "no setting called 'model.layers'"),
        (["run", "argmax-retrieval", "--set", "model.kind=decoder"], "learnt by the kind 'set-reader'"),
        (["run", "argmax-retrieval", "--set", "train.shortest=17"], "at most train.length; got 17 and 16"),
        (["run", "argmax-retrieval", "--set", "train.schedule=linear"], "train.schedule cannot be 'linear'"),
        (["run", "dictionary-lookup", "--lengths", "65537"], "1 to 65,536 pairs"),
        (["run", "flip-flop", "-a", "softmax+learned+coupled"], "flip-flop gives none; 'addition' does"),
        (["run", "flip-flop", "--length", "16", "--set", "train.shortest=2"], "even and 4 or more, got 2"),
        (["compare", "flip-flop"], "name each mechanism with -a"),
        (["compare", "flip-flop", "-a", "softmax", "-a", "softmax+nope"], "'softmax' is named twice"),
        (["compare", "flip-flop", "-a", "softmax", "--learning-rates", "fast"], "numbers such as 5e-4,1e-3"),
        (["compare", "flip-flop", "-a", "softmax", "--learning-rates", "-1"], "learning_rate"),
        (["compare", "flip-flop", "-a", "softmax", "--seeds", "0"], "seeds"),
        (["compare", "argmax-retrieval", "-a", "softmax", "-a", "softmax+rope"], "A set has no order"),
        (["compare", "flip-flop", "-a", "softmax", "-a", "doubly-normalised"], "cannot be kept from looking ahead"),
        (["compare", "flip-flop", "-a", "softmax", "--learning-rates", "1e-3,inf"], "cannot be inf"),
        (["compare", "flip-flop", "-a", "softmax", "--set", "train.device=cuda"], "finds no such device here"),
        (["run", "flip-flop", "-a", "doubly-normalised"], "cannot be kept from looking ahead"),
        (["run", "flip-flop", "--set", "train.device=cuda"], "finds no such device here"),
        (["run", "flip-flop", "--set", "model.dim=4000000"], "and moments takes at least"),
        (["run", "flip-flop", "--length", "100000000000"], "Training at length 100,000,000,000 takes at least"),
        (["run", "flip-flop", "--lengths", "128,100000000000"], "Evaluating at length 100,000,000,000 takes at least"),
        (["compare", "argmax-retrieval", "-a", "softmax", "--lengths", "100000000000"], "at least"),
        (["run", "flip-flop", "-a", "softmax+rope", "--set", "model.backend=nope"], "backend"),
        (["run", "flip-flop", "--set", "model.backend=nope"], "no backend of ThresholdRelative called 'nope'"),
        (["run", "flip-flop", "--seed", "99999999999999999999"], "seed cannot be 99999999999999999999"),
        (["run", "flip-flop", "--set", f"model.dim={10**30}"], "This is too much for the machine; give shorter"),
        (["run", "flip-flop", "--steps", f"{10**30}"], "input should be less than 2147483648"),
        (["compare", "flip-flop", "-a", "softmax", "--seeds", f"{10**14}"], "less than or equal to 1000"),
        (["score", "flip-flop", "--model", "math:sin", "--lengths", f"{10**14}"], "This is too much for the machine"),
        (["run", "flip-flop", "--out", "n" * 300], "cannot be a folder"),
        (["compare", "flip-flop", "-a", "softmax", "--out", "n" * 300], "cannot be a folder"),
        (["report", "missing"], "holds no run and no comparison"),
        (["rum"], "No such command"),
    ],
)
def test_one_sentence(
    lengthwise: Call, arguments: list[str], fragment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    answer = lengthwise(*arguments)
    assert answer.code != 0
    assert fragment in answer.error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["run", "compare"])
@pytest.mark.parametrize("out", ["file", "file/inside"])
def test_a_file_is_no_folder(lengthwise: Call, tmp_path: Path, verb: str, out: str) -> None:
    (tmp_path / "file").write_text("precious", encoding="utf-8")
    answer = lengthwise(verb, "flip-flop", "-a", "softmax", "--out", tmp_path / out)
    assert answer.code == 2
    assert "file is a file and no folder; choose another" in answer.error
    assert (tmp_path / "file").read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize("command", [["run", "flip-flop"], ["compare", "flip-flop", "-a", "softmax"], ["bench"]])
def test_what_cannot_be_written_to_is_refused_first(
    lengthwise: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    def read_only(**_: Any) -> Any:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    answer = lengthwise(*command, "--out", tmp_path / "out")
    assert answer.code == 2
    assert f"Cannot write into {tmp_path}: Read-only file system; choose another folder with --out." in answer.error
    assert list(tmp_path.iterdir()) == []


def test_a_backend_that_cannot_run_here(lengthwise: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = replace(BACKENDS["native"], unavailable=lambda: "It is not compiled.")
    monkeypatch.setitem(BACKENDS, "native", broken)
    command = ["run", "flip-flop", "--set", "model.backend=native", "--set", "train.device=cpu"]
    assert "It is not compiled." in lengthwise(*command, "--out", tmp_path / "run").error
    assert list(tmp_path.iterdir()) == []


def test_a_refused_comparison_can_be_corrected(lengthwise: Call, tmp_path: Path) -> None:
    small = ["--steps", 2, "--lengths", 16, "--set", "model.dim=16", "--set", "evaluate.sequences=8", "--out", tmp_path]
    refused = lengthwise("compare", "argmax-retrieval", "-a", "softmax", "-a", "softmax+rope", *small)
    assert "A set has no order" in refused.error
    assert lengthwise("compare", "argmax-retrieval", "-a", "softmax", *small).code == 0
    more = lengthwise("compare", "argmax-retrieval", "-a", "softmax", "-a", "top-1+rope", *small, "--resume")
    assert "A set has no order" in more.error
    held = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))["config"]
    assert held["mechanisms"] == ["softmax"]


def test_files_that_are_no_toml(lengthwise: Call, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("steps 600", encoding="utf-8")
    assert "is not TOML" in lengthwise("run", "flip-flop", "--config", tmp_path / "settings.toml").error
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    assert "is not TOML" in lengthwise("run", "flip-flop", "--config", tmp_path / "bytes.toml").error


def test_a_folder_that_holds_something_else(lengthwise: Call, tiny: list[str], tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious", encoding="utf-8")
    answer = lengthwise("run", "flip-flop", *tiny, "--out", tmp_path)
    assert answer.code != 0
    assert "is not empty and holds no config.json" in answer.error
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_of_another_configuration(lengthwise: Call, tiny: list[str], tmp_path: Path) -> None:
    assert lengthwise("run", "flip-flop", *tiny, "--out", tmp_path).code == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    again = lengthwise("run", "flip-flop", *tiny, "--out", tmp_path)
    assert "add --resume to carry on" in again.error
    other = lengthwise("run", "flip-flop", *tiny, "--seed", "7", "--resume", "--out", tmp_path)
    assert "seed is 0 there, 7 here" in other.error
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_damaged_files(lengthwise: Call, tiny: list[str], tmp_path: Path) -> None:
    command = ["run", "flip-flop", *tiny, "--out", tmp_path]
    assert lengthwise(*command).code == 0
    for name in ("trained.json", "result.json", "evaluation.jsonl"):
        (tmp_path / name).unlink()
    weights = tmp_path / "checkpoint" / "step-00000012" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    answer = lengthwise(*command, "--resume")
    assert answer.code != 0
    assert "damaged in model.safetensors" in answer.error

    for file in weights.parent.iterdir():  # the remedy that the sentence names
        file.unlink()
    weights.parent.rmdir()
    assert lengthwise(*command, "--resume").code == 0
    assert weights.read_bytes() == whole

    config = tmp_path / "config.json"
    config.write_text(config.read_text(encoding="utf-8")[:40], encoding="utf-8")
    answer = lengthwise(*command, "--resume")
    assert answer.code != 0
    assert "config.json is damaged" in answer.error


def test_a_metrics_file_cut_short_is_mended(lengthwise: Call, tiny: list[str], tmp_path: Path) -> None:
    command = ["run", "flip-flop", *tiny, "--out", tmp_path]
    assert lengthwise(*command).code == 0
    for name in ("trained.json", "result.json"):
        (tmp_path / name).unlink()
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_text(metrics.read_text(encoding="utf-8") + '{"step": 14, "lo', encoding="utf-8")
    points = tmp_path / "evaluation.jsonl"
    points.write_text(points.read_text(encoding="utf-8")[:-10], encoding="utf-8")
    assert lengthwise(*command, "--resume").code == 0
    assert [json.loads(line)["step"] for line in metrics.read_text(encoding="utf-8").splitlines()] == [
        2,
        4,
        6,
        8,
        10,
        12,
    ]
    assert len([json.loads(line) for line in points.read_text(encoding="utf-8").splitlines()]) == 6
