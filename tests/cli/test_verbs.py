"""The verbs from end to end, small."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lengthwise.analysis import Summary
from lengthwise.experiments.executors.worker import reason
from lengthwise.experiments.run import load_model

Call = Callable[..., Any]


def test_run_leaves_a_folder_that_says_everything(lengthwise: Call, tiny: list[str], tmp_path: Path) -> None:
    answer = lengthwise("run", "flip-flop", "-a", "softmax+rope", *tiny, "--out", tmp_path, "--seed", "3")
    assert answer.code == 0
    assert "softmax+rope" in answer.out
    assert "report.html" in answer.out
    held = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert held["config"]["seed"] == 3
    assert held["config"]["model"]["mechanism"] == "softmax+rope"
    assert held["environment"]["torch"] == torch.__version__
    assert held["environment"]["command"].startswith("lengthwise run flip-flop -a softmax+rope")
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    points = {(point["split"], point["length"]) for point in result["evaluation"]}
    assert points == {(split, length) for split in ("validation", "dense", "sparse") for length in (16, 32)}
    summary = Summary.read(tmp_path / "summary.json")
    assert len(summary.values) == len(points) * len(summary.design.metrics)
    assert load_model(tmp_path)(torch.zeros(1, 4, dtype=torch.long)).logits.shape == (1, 4, 5)


def test_settings_come_from_recipe_file_options_and_set_in_that_order(
    lengthwise: Call, tiny: list[str], tmp_path: Path
) -> None:
    file, out = tmp_path / "settings.toml", tmp_path / "run"
    file.write_text("[train]\nlearning_rate = 0.5\nclip_norm = 3.0\nbatch_size = 2\n", encoding="utf-8")
    assert lengthwise("run", "flip-flop", *tiny, "--config", file, "--learning-rate", 0.25, "--out", out).code == 0
    train = json.loads((out / "config.json").read_text(encoding="utf-8"))["config"]["train"]
    assert (train["clip_norm"], train["learning_rate"], train["batch_size"]) == (3.0, 0.25, 4)


@pytest.mark.long
def test_compare_tunes_chooses_and_evaluates(lengthwise: Call, tiny: list[str], tmp_path: Path) -> None:
    command: list[Any] = ["compare", "flip-flop", "-a", "threshold-relative", "-a", "softmax+alibi", *tiny]
    command += ["--seeds", 2, "--learning-rates", "1e-3,1e-2", "--jobs", 2, "--out", tmp_path, "--resume"]
    answer = lengthwise(*command)
    assert answer.code == 0, answer.error
    assert (tmp_path / "report.html").exists()
    assert Summary.read(tmp_path / "summary.json").design.seeds == 2
    for mechanism in ("threshold-relative", "softmax+alibi"):
        rates = {}
        for folder in (tmp_path / "runs" / mechanism).iterdir():
            trained = json.loads((folder / "seed-0" / "trained.json").read_text(encoding="utf-8"))["validation"]
            rates[folder.name] = (-trained["values"]["exact_match"]["value"], trained["values"]["loss"]["value"])
        best = min(rates, key=rates.__getitem__)
        finished = {
            path.relative_to(tmp_path / "runs" / mechanism).parts[:2]
            for path in tmp_path.glob(f"runs/{mechanism}/*/*/result.json")
        }
        assert finished == {(best, "seed-0"), (best, "seed-1")}

    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}
    assert lengthwise(*command).code == 0  # nothing is done twice
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}
    (tmp_path / "summary.json").unlink()
    assert lengthwise("report", tmp_path).code == 0
    assert Summary.read(tmp_path / "summary.json").runs == 6

    more = [*command[: command.index("--seeds")], "-a", "softmax+rope", *command[command.index("--seeds") :]]
    more[more.index("--seeds") + 1] = 3
    assert lengthwise(*more).code == 0  # another mechanism, another seed: what is there is used
    assert before.items() <= {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}.items()
    assert len(list(tmp_path.rglob("result.json"))) == 9


@pytest.mark.long
def test_a_run_that_fails_leaves_the_others_standing(lengthwise: Call, tiny: list[str], tmp_path: Path) -> None:
    command: list[Any] = ["compare", "flip-flop", "-a", "threshold-relative", "-a", "softmax+rope", *tiny]
    command += ["--learning-rates", "1e-3", "--jobs", 2, "--out", tmp_path, "--resume"]
    assert lengthwise(*command).code == 0
    for folder in tmp_path.glob("runs/*/*/*"):
        for name in ("result.json", "trained.json", "evaluation.jsonl"):
            (folder / name).unlink()
    [broken] = tmp_path.glob("runs/softmax+rope/*/*")
    weights = broken / "checkpoint" / "step-00000012" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])

    answer = lengthwise(*command)
    assert answer.code == 2
    assert "1 of 2 runs failed" in answer.error
    assert "failed  softmax+rope" in answer.error
    assert "done  threshold-relative" in answer.error
    assert len(list(tmp_path.glob("runs/*/*/*/result.json"))) == 1
    assert "damaged in model.safetensors" in (tmp_path / "report.html").read_text(encoding="utf-8")

    for file in weights.parent.iterdir():
        file.unlink()
    weights.parent.rmdir()
    assert lengthwise(*command).code == 0
    assert len(list(tmp_path.glob("runs/*/*/*/result.json"))) == 2


def test_a_process_that_is_killed_is_named(tmp_path: Path) -> None:
    assert "SIGKILL; the system may have run out of memory" in reason(tmp_path, -signal.SIGKILL)
    assert reason(tmp_path, 3) == "The process ended with exit code 3 and said nothing."  # it had no log yet
    (tmp_path / "log.txt").write_text("Traceback\nValueError: what it was\n", encoding="utf-8")
    assert reason(tmp_path, 1) == "ValueError: what it was"


@pytest.mark.long
def test_a_script_without_a_guard_is_told(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "from pathlib import Path\n"
        "from lengthwise.experiments.comparison import compare\n"
        "from lengthwise.experiments.config import ComparisonConfig\n"
        "base = {'task': 'argmax-retrieval', 'train': {'steps': 1}, 'evaluate': {'lengths': [8]}}\n"
        "config = ComparisonConfig.read({'base': base, 'mechanisms': ['softmax'], 'learning_rates': [1e-3]})\n"
        "compare(config, Path('out'), processes=1, resume=True)\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1  # the script's own
    assert "under if __name__ == '__main__':" in done.stderr.splitlines()[-1]


def test_a_trained_run_without_its_checkpoint_is_told_what_to_do(
    lengthwise: Call, tiny: list[str], tmp_path: Path
) -> None:
    command = ["run", "flip-flop", *tiny, "--out", tmp_path]
    assert lengthwise(*command).code == 0
    shutil.rmtree(tmp_path / "checkpoint")
    (tmp_path / "evaluation.jsonl").unlink()  # or nothing would be left to do
    answer = lengthwise(*command, "--resume")
    assert answer.code == 2
    assert "was trained, but its checkpoint is gone" in answer.error
    (tmp_path / "trained.json").unlink()  # the remedy that the sentence names
    assert lengthwise(*command, "--resume").code == 0


def test_list_names_what_there_is(lengthwise: Call) -> None:
    out = lengthwise("list").out
    for name in ("flip-flop", "threshold-relative", "softmax", "rope", "alibi", "layer-norm"):
        assert name in out
    lines = [line.strip() for line in out.splitlines()]
    for line in ("[kept=5]", "[base=10000]", "[truncate=true]", "[eps=1e-5]"):
        [meaning, *_] = [found.removeprefix(line).strip() for found in lines if found.startswith(line)]
        assert len(meaning) > 20, line
    assert "[ignore=0.8]" not in out, "tasks are listed without options"
    assert "beta_fast=32" in lengthwise("list", "--mechanisms").out
    assert "train.learning_rate" in lengthwise("list", "--settings").out


def test_list_groups_tasks_by_family(lengthwise: Call) -> None:
    lines = lengthwise("list").out.splitlines()
    (start,) = (place for place, line in enumerate(lines) if line.startswith("Arithmetic, digit by digit"))
    assert lines[start + 1].split()[0] == "addition"
    table = lengthwise("list", "--tasks").out
    for row in (
        r"^flip-flop +tokens +exact match +dense, sparse +yes +ignore=0.8",
        r"^tomita-3 +symbols +exact match +no",
    ):
        assert re.search(row, table, re.MULTILINE), row
    assert lengthwise("list", "--tasks", "--markdown").out.startswith("# Tasks\n")


def test_list_shows_one_task_in_full(lengthwise: Call) -> None:
    out = " ".join(lengthwise("list", "--tasks", "majority").out.split())
    for text in ("The most frequent symbol", "[symbols=26] Number of different", "chance 3.8 %", "NoPE 99.9 / 98.5 %"):
        assert text in out
    assert "[ignore=0.8]" in lengthwise("list", "--tasks", "flip-flop").out


def test_list_shows_a_task_of_ones_own(lengthwise: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "from lengthwise.tasks.languages.regular_language import RegularLanguage\n\n\n"
    text += 'class Pairs(RegularLanguage):\n    """Pairs of different symbols."""\n\n    pattern = "(ab|ba)*"\n'
    (tmp_path / "my_pairs.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    out = " ".join(lengthwise("list", "--tasks", "my_pairs:Pairs").out.split())
    for said in ("my_pairs:Pairs: Pairs of different symbols.", "unit of lengths symbols", "in C-RASP"):
        assert said in out


@pytest.mark.parametrize("verb", ["run", "compare", "report", "list"])
def test_help_reads(lengthwise: Call, verb: str) -> None:
    answer = lengthwise(verb, "--help")
    assert answer.code == 0
    assert "Usage" in answer.out


def test_sets_are_compared_in_their_own_words(lengthwise: Call, tmp_path: Path) -> None:
    small = ["--steps", 12, "--lengths", "16,64", "--set", "model.dim=16", "--set", "evaluate.sequences=32"]
    small += ["--set", "train.log_every=2", "--seeds", 2, "--out", tmp_path]
    answer = lengthwise("compare", "argmax-retrieval", "-a", "softmax", "-a", "top-1", *small)
    assert answer.code == 0, answer.error
    assert "items" in answer.out
    assert "tokens" not in answer.out
    assert answer.error.index("This comparison has 2") < answer.error.index("done")  # before anything is trained
    for said in (
        "Wrong by dispersion and by ordering",
        "of softmax minus that of the others",
        "more seeds are needed",
        "nothing about new training runs",
    ):
        assert said in answer.out
    result = json.loads((tmp_path / "runs/top-1/rate-0.001/seed-1/result.json").read_text(encoding="utf-8"))
    assert [point["values"]["dispersion"]["numerator"] for point in result["evaluation"]] == [0, 0]
    assert all(len(point["layers"]) == 1 for point in result["evaluation"])


@pytest.mark.long
@pytest.mark.parametrize("task", ["argmax-retrieval", "dictionary-lookup"])
def test_a_set_run_resumes_to_the_same_weights(lengthwise: Call, tmp_path: Path, task: str) -> None:
    settings = ["--lengths", "16", "--set", "model.dim=16", "--set", "evaluate.sequences=8", "--set"]
    settings += ["train.checkpoint_every=3"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert lengthwise("run", task, "--steps", 8, *settings, "--out", whole).code == 0
    assert lengthwise("run", task, "--steps", 8, *settings, "--out", broken).code == 0
    for lost in ("trained.json", "evaluation.jsonl", "result.json"):
        (broken / lost).unlink()
    shutil.rmtree(broken / "checkpoint" / "step-00000008")
    assert lengthwise("run", task, "--steps", 8, *settings, "--out", broken, "--resume").code == 0
    weights = [folder / "checkpoint" / "step-00000008" / "model.safetensors" for folder in (whole, broken)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_a_few_steps_are_enough_for_a_run(lengthwise: Call, tmp_path: Path) -> None:
    small = ["--length", 16, "--lengths", 16, "--set", "model.dim=16", "--set", "evaluate.sequences=4"]
    assert lengthwise("run", "flip-flop", "--steps", 3, *small, "--out", tmp_path).code == 0
