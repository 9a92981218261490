"""Runs that take a second, and reports without their figures."""

import signal
from collections.abc import Iterator

import pytest

TINY = [
    *("--steps", "12", "--length", "16", "--lengths", "16:32"),
    *("--set", "train.batch_size=4", "--set", "train.warmup=0.2", "--set", "train.log_every=2"),
    *("--set", "train.checkpoint_every=4", "--set", "evaluate.sequences=8", "--set", "train.device=cpu"),
    *("--set", "model.dim=16", "--set", "model.layers=1"),
]


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
