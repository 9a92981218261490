"""Tiny runs, trained and evaluated."""

from pathlib import Path
from typing import Any

from lengthwise.experiments.config import RunConfig
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.run import evaluate_run, train_run

RUN: dict[str, Any] = {
    "task": "flip-flop",
    "model": {"dim": 16, "layers": 2, "heads": 2},
    "train": {"length": 8, "steps": 4, "batch_size": 4, "device": "cpu"},
    "evaluate": {"lengths": [8, 16], "sequences": 8},
}


def finished(path: Path, **changed: Any) -> RunFolder:
    """Train and evaluate in a new folder."""
    folder = RunFolder(path)
    folder.claim(RunConfig.read(RUN).vary(**changed), resume=False)
    train_run(folder)
    evaluate_run(folder)
    return folder
