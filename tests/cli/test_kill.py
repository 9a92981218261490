"""A real kill -9 and a real full disk: what was finished is kept, and the end is the same to the bit."""

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lengthwise.files import last_line, read_lines

Call = Callable[..., Any]


def arguments(tiny: list[str], out: Path) -> list[str]:
    more = ["--steps", "60", "--set", "train.checkpoint_every=20", "--set", "model.dropout=0.1"]
    return ["run", "flip-flop", *tiny, *more, "--out", str(out), "--resume"]


def command(tiny: list[str], out: Path) -> list[str]:
    """For a process of its own, which can be killed."""
    return [sys.executable, "-m", "lengthwise", *arguments(tiny, out)]


def final_weights(folder: Path) -> bytes:
    return (folder / "checkpoint" / "step-00000060" / "model.safetensors").read_bytes()


@pytest.mark.long
def test_killed_and_resumed_is_uninterrupted(lengthwise: Call, tiny: list[str], tmp_path: Path) -> None:
    assert lengthwise(*arguments(tiny, tmp_path / "whole")).code == 0
    killed = tmp_path / "killed"
    for after in (10, 30):  # before the first checkpoint, and between two
        process = subprocess.Popen(command(tiny, killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while (last_line(killed / "metrics.jsonl", dict) or {"step": 0})["step"] < after:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not (killed / "trained.json").exists()
    assert lengthwise(*arguments(tiny, killed)).code == 0
    assert final_weights(killed) == final_weights(tmp_path / "whole")
    without_time = [
        [{**line, "tokens_per_second": None} for line in read_lines(folder / "metrics.jsonl", dict)]
        for folder in (killed, tmp_path / "whole")
    ]
    assert without_time[0] == without_time[1]


def test_a_killed_comparison_leaves_no_worker_behind(tiny: list[str], tmp_path: Path) -> None:
    out = tmp_path / "killed"
    more = ["-a", "softmax+rope", "--learning-rates", "1e-3", "--seeds", "1", "--steps", "100000", "--out", str(out)]
    every = [sys.executable, "-m", "lengthwise", "compare", "flip-flop", *tiny, *more]
    process = subprocess.Popen(every, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    metrics = out / "runs" / "softmax+rope" / "rate-0.001" / "seed-0" / "metrics.jsonl"
    while last_line(metrics, dict) is None:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    process.kill()
    process.wait()
    written = -1
    for _ in range(100):
        time.sleep(0.3)  # many of its steps
        before, written = written, metrics.stat().st_size
        if before == written:
            return
    raise AssertionError("a worker goes on training without its parent")


@pytest.mark.long
def test_a_full_disk_is_named_and_the_last_checkpoint_stands(lengthwise: Call, tiny: list[str], tmp_path: Path) -> None:
    """The system refuses to write files beyond a size, as a full disk does."""
    assert lengthwise(*arguments(tiny, tmp_path / "whole")).code == 0
    size = (tmp_path / "whole" / "checkpoint" / "step-00000060" / "optimizer.safetensors").stat().st_size

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, size - 1))

    full = tmp_path / "full"
    answer = subprocess.run(command(tiny, full), preexec_fn=limit, capture_output=True, encoding="utf-8")
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr
    assert "Cannot write the checkpoint" in answer.stderr
    assert "Free space" in answer.stderr
    assert list((full / "checkpoint").iterdir()) == []  # nothing half-written is left
    assert last_line(full / "metrics.jsonl", dict)["step"] == 20

    assert lengthwise(*arguments(tiny, full)).code == 0
    assert final_weights(full) == final_weights(tmp_path / "whole")
