"""Two processes never write into one folder, and a folder that two have written into reads as one."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lengthwise import lock
from lengthwise.attention import Mechanism
from lengthwise.bench.config import BenchConfig
from lengthwise.errors import RunError
from lengthwise.experiments.config import ComparisonConfig, RunConfig
from lengthwise.experiments.executors.executor import Job
from lengthwise.experiments.executors.processes import Processes
from lengthwise.experiments.executors.worker import LOCKED
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.key import RunKey
from lengthwise.lock import locked
from lengthwise.probes.config import ProbeConfig

HOLD = """
import sys, time
from pathlib import Path
from lengthwise.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""
KEY = RunKey(Mechanism.parse("softmax"), 1e-3, 0)
SETTINGS: dict[str, Any] = {
    "task": "argmax-retrieval",
    "model": {"dim": 16},
    "train": {"length": 8, "steps": 4, "batch_size": 4},
    "evaluate": {"lengths": [8, 16], "sequences": 4},
}


@pytest.fixture
def holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["subprocess.Popen[str]"]:
    """Another process, which holds ``tmp_path / "run"``."""
    monkeypatch.setattr(lock, "PATIENCE", 0.1)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_is_told_who_holds_it(holder: "subprocess.Popen[str]", tmp_path: Path) -> None:
    sentence = f"Process {holder.pid} on .* is writing into .*run; wait until it ends"
    claimed = RunFolder(tmp_path / "run").claimed(RunConfig.read(SETTINGS), resume=False)
    with pytest.raises(RunError, match=sentence), claimed:
        raise AssertionError("it must not begin")
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_is_free_however_the_process_ended(
    holder: "subprocess.Popen[str]", tmp_path: Path, how: signal.Signals
) -> None:
    holder.send_signal(how)
    holder.wait()
    with RunFolder(tmp_path / "run").claimed(RunConfig.read(SETTINGS), resume=False):
        assert (tmp_path / "run" / "config.json").exists()
    with locked(tmp_path / "run"):  # and free again
        pass


def test_an_error_releases_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), locked(tmp_path):
        raise KeyboardInterrupt
    with locked(tmp_path):
        pass


def test_a_foreign_folder_is_left_as_it_is(lengthwise: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious", encoding="utf-8")
    assert "is not empty" in lengthwise("compare", "flip-flop", "-a", "softmax", "--out", tmp_path).error
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("verb", ["run", "compare"])
def test_the_verbs_say_it(
    lengthwise: Callable[..., Any], holder: "subprocess.Popen[str]", tmp_path: Path, verb: str
) -> None:
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    answer = lengthwise(verb, "flip-flop", "-a", "softmax", "--out", tmp_path / "run")
    assert answer.code == 2
    assert f"Process {holder.pid} on" in answer.error
    assert before == {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}


def test_a_worker_holds_its_own_run(holder: "subprocess.Popen[str]", tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.claim(RunConfig.read(SETTINGS), resume=False)
    other = RunFolder(tmp_path / "other")
    other.claim(RunConfig.read(SETTINGS), resume=False)
    folder.failure = "What its holder knows."
    before = {path: path.read_bytes() for path in folder.path.iterdir()}
    with pytest.raises(RunError, match=f"Process {holder.pid} on .* is writing into .*run; wait until it ends"):
        Processes(1).run([Job(KEY, path, evaluate=True) for path in (folder.path, other.path)], lambda queue: None)
    assert before == {path: path.read_bytes() for path in folder.path.iterdir()}
    assert other.finished


def test_a_worker_that_is_refused_leaves_the_folder_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may come between the look at the folder and the worker's own."""
    monkeypatch.setattr("multiprocessing.process.BaseProcess.start", lambda worker: None)
    monkeypatch.setattr("multiprocessing.process.BaseProcess.exitcode", LOCKED)
    folder = RunFolder(tmp_path)
    folder.claim(RunConfig.read(SETTINGS), resume=False)
    with pytest.raises(RunError, match="is writing into"):
        Processes(1).run([Job(KEY, folder.path, evaluate=True)], lambda queue: None)
    assert folder.failure is None


def test_what_was_written_twice_is_read_once(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.claim(RunConfig.read(SETTINGS), resume=False)
    numbers = {"split": "validation", "length": 8, "sequences": 1, "seconds": 1.0}
    point = {**numbers, "values": {"exact_match": dict.fromkeys(("value", "low", "high", "numerator", "weight"), 1)}}
    points = [point, {**point, "length": 16}, {**point, "seconds": 3.0}]
    (tmp_path / "evaluation.jsonl").write_text("".join(json.dumps(each) + "\n" for each in points), encoding="utf-8")
    assert [(each.length, each.seconds) for each in folder.points] == [(8, 3.0), (16, 1.0)]
    step = {"loss": 1.0, "learning_rate": 1e-3, "gradient_norm": 1.0, "tokens_per_second": 1.0}
    lines = [{"step": 2, **step}, {"step": 4, **step}, {"step": 2, **step, "loss": 0.5}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert [(line["step"], line["loss"]) for line in folder.metrics] == [(2, 0.5), (4, 1.0)]


def test_what_is_named_twice_counts_once() -> None:
    twice = SETTINGS | {"evaluate": {"lengths": [16, 8, 16], "splits": ["validation", "validation"], "sequences": 4}}
    config = ComparisonConfig.read({"base": twice, "mechanisms": ["softmax"], "learning_rates": [1e-3, 0.001]})
    assert config.learning_rates == (1e-3,)
    assert config.base.evaluate.lengths == (16, 8)
    assert config.base.evaluate.splits == ("validation",)
    assert ProbeConfig.read({"model": "any", "lengths": [4, 4, 8]}).lengths == (4, 8)
    bench = BenchConfig.read({"lengths": [32, 16, 32], "contestants": ["native", "sdpa", "native"]})
    assert (bench.lengths, bench.contestants) == ((32, 16), ("native", "sdpa"))
