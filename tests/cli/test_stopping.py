"""Ctrl-C and SIGTERM: what was done is kept, the exit code is the shell's, and nobody meets a traceback."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lengthwise.experiments.config import RunConfig
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.run import train_run
from lengthwise.experiments.state import kept
from lengthwise.files import last_line
from lengthwise.training.checkpoint import Checkpoint
from lengthwise.training.loop import Progress
from lengthwise.training.stopping import deferred_signals

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


def begun(verb: str, tiny: list[str], out: Path, steps: int) -> "subprocess.Popen[str]":
    more = ["--steps", str(steps), "--set", "train.checkpoint_every=100000", "--set", "model.dropout=0.1", "--resume"]
    more += [
        "-a",
        "softmax+rope",
        *(["--learning-rates", "1e-3"] if verb == "compare" else ["--learning-rate", "1e-3"]),
    ]
    every = [sys.executable, "-m", "lengthwise", verb, "flip-flop", *tiny, *more, "--out", str(out)]
    return subprocess.Popen(every, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")


def stopped(process: "subprocess.Popen[str]", metrics: Path, how: signal.Signals) -> str:
    """What it says on standard error."""
    while last_line(metrics, Progress) is None:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.001)
    process.send_signal(how)
    error = process.communicate()[1]
    assert process.returncode == CODES[how], error
    assert "Traceback" not in error
    return error


@pytest.mark.parametrize("how", CODES)
def test_a_run_that_is_stopped_says_from_which_step_it_carries_on(
    tiny: list[str], tmp_path: Path, how: signal.Signals
) -> None:
    folder = tmp_path / "stopped"
    error = stopped(begun("run", tiny, folder, 100_000), folder / "metrics.jsonl", how)
    newest = Checkpoint.newest(folder / "checkpoint")
    assert newest is not None
    assert f"Stopped. The same command with --resume carries on from step {newest.step:,}." in error
    assert not (folder / "trained.json").exists()


@pytest.mark.long
@pytest.mark.parametrize("how", CODES)
def test_the_workers_of_a_comparison_keep_theirs(tiny: list[str], tmp_path: Path, how: signal.Signals) -> None:
    run = tmp_path / "runs" / "softmax+rope" / "rate-0.001" / "seed-0"
    error = stopped(begun("compare", tiny, tmp_path, 100_000), run / "metrics.jsonl", how)
    assert "Stopped. Repeat the command with --resume to continue every run." in error
    newest = Checkpoint.newest(run / "checkpoint")
    assert newest is not None
    assert newest.step >= last_line(run / "metrics.jsonl", Progress).step
    assert not (run / "failure.json").exists()


@pytest.mark.parametrize("how", CODES)
@pytest.mark.parametrize("after", [0.3, 0.6, 1.2])
def test_while_it_imports_it_ends_at_once(how: signal.Signals, after: float, tmp_path: Path) -> None:
    """Where the signal comes before Python can listen, the system ends the process by it."""
    command = [sys.executable, "-m", "lengthwise", "run", "flip-flop"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, cwd=tmp_path)
    time.sleep(after)
    process.send_signal(how)
    error = process.communicate()[1]
    assert process.returncode in (CODES[how], -how)
    assert error in (b"Stopped.\n", b"")


@pytest.mark.long
def test_stopped_and_resumed_is_uninterrupted(tmp_path: Path) -> None:
    train = {"length": 8, "steps": 12, "batch_size": 4, "log_every": 1, "average": 0.9, "device": "cpu"}
    config = RunConfig.read(
        {"task": "flip-flop", "model": {"dim": 16, "layers": 1, "dropout": 0.1}, "train": train}
        | {"evaluate": {"lengths": [8], "sequences": 4}}
    )
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    for folder in (whole, stopped):
        folder.claim(config, resume=False)
    train_run(whole)
    with pytest.raises(KeyboardInterrupt):
        train_run(stopped, lambda progress: signal.raise_signal(signal.SIGINT) if progress.step == 5 else None)
    newest = Checkpoint.newest(stopped.path / "checkpoint")
    assert newest is not None
    assert newest.step in (5, 6)
    train_run(stopped)
    for name in ("model", "average", "optimizer"):
        held_by = [folder.path / "checkpoint" / "step-00000012" / f"{name}.safetensors" for folder in (whole, stopped)]
        assert held_by[0].read_bytes() == held_by[1].read_bytes()


def test_only_what_is_there_is_promised(tmp_path: Path) -> None:
    assert kept(RunFolder(tmp_path)) == ""
    folder = RunFolder(tmp_path)
    folder.claim(RunConfig.read({"task": "flip-flop"}), resume=False)
    assert kept(folder) == "No step was done; the same command with --resume begins."


@pytest.mark.parametrize("how", CODES)
def test_a_signal_waits_for_the_end_of_the_step(how: signal.Signals) -> None:
    heard: list[int] = []

    def step() -> None:
        with deferred_signals() as came:
            assert not came()
            signal.raise_signal(how)
            assert came()
            assert heard == []

    before = signal.signal(how, lambda *arguments: heard.append(how))
    try:
        with pytest.raises(KeyboardInterrupt):  # this handler alone would let half the work pass
            step()
        assert heard == [how]
        signal.signal(how, signal.SIG_IGN)
        with deferred_signals() as came:
            signal.raise_signal(how)
            assert not came()
    finally:
        signal.signal(how, before)


def test_a_second_control_c_does_not_wait() -> None:
    def step() -> None:
        with deferred_signals() as came:
            signal.raise_signal(signal.SIGINT)
            assert came()
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("it must have ended")

    with pytest.raises(KeyboardInterrupt):
        step()
