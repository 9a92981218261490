"""Calling the command line as a user does, in this process or in one of its own."""

import signal
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from lengthwise import cli
from lengthwise.cli.console import console, errors

TINY = [
    *("--steps", "12", "--length", "16", "--lengths", "16:32"),
    *("--set", "train.batch_size=4", "--set", "train.warmup=0.2", "--set", "train.log_every=2"),
    *("--set", "train.checkpoint_every=4", "--set", "evaluate.sequences=8", "--set", "train.device=cpu"),
    *("--set", "model.dim=16", "--set", "model.layers=1"),
]


class Answer(NamedTuple):
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    error: str


@pytest.fixture(autouse=True)
def _as_from_a_terminal() -> Iterator[None]:
    """A shell's background job ignores SIGINT, and so would every process that a test begins there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def tiny() -> list[str]:
    """Options that make a run take a second."""
    return list(TINY)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without their figures, which take a second or two to draw, for tests of something else."""
    monkeypatch.setattr("lengthwise.reports.drawing._draw", lambda chart, rows, path: "")


@pytest.fixture
def lengthwise(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """``lengthwise("run", "flip-flop", ...)`` in this process."""

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["lengthwise", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        for printer in (console, errors):  # what it is written to may say that it is a terminal of 80 columns
            monkeypatch.setattr(printer, "_width", 200)
            monkeypatch.setattr(printer, "_height", 50)
        try:
            cli.main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Answer(code, captured.out, captured.err)

    return call
