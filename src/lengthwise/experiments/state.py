"""The progress of a run, from the contents of its folder.

Work is counted in tokens or items, for training and evaluation alike. A token takes longer in one than in the other,
so that an estimate of the time left is rough.
"""

import json
from functools import lru_cache
from pathlib import Path

from lengthwise.experiments.config import RunConfig
from lengthwise.experiments.folder import RunFolder
from lengthwise.files import last_line
from lengthwise.training.checkpoint import Checkpoint
from lengthwise.training.loop import Progress


def state(folder: RunFolder) -> str:
    """Describe the state in a few words, such as ``training at step 40 of 60``, which may be a few steps old."""
    if folder.finished:
        return "finished"
    if folder.failure is not None:
        return f"failed: {folder.failure}"
    config = folder.config
    if folder.trained is not None:
        points = len(config.evaluate.points)
        return f"trained, {points - len(folder.due(config))} of {points} points evaluated"
    line = last_line(folder.path / "metrics.jsonl", Progress)
    newest = Checkpoint.newest(folder.path / "checkpoint")
    step = max(0 if line is None else line.step, 0 if newest is None else newest.step)
    if step:
        return f"training at step {step:,} of {config.train.steps:,}"
    if folder.first.begun:
        return f"the model that it learns from is {state(folder.first)}"
    return "not trained yet"


def kept(folder: RunFolder) -> str:
    """Return a sentence that says where a stopped run carries on; empty if the folder holds no run."""
    if not folder.begun:
        return ""
    newest = Checkpoint.newest(folder.path / "checkpoint")
    if folder.finished:
        return "The run is finished."
    if folder.trained is not None:
        return "Training is done; the same command with --resume carries on with the evaluation."
    if newest is not None:
        return f"The same command with --resume carries on from step {newest.step:,}."
    if folder.first.begun:
        return "The same command with --resume carries on with the model to learn from."
    return "No step was done; the same command with --resume begins."


def training_work(config: RunConfig) -> int:
    """Return the work of all training steps."""
    return config.train.steps * _of_a_step(config)


def evaluation_work(config: RunConfig) -> int:
    """Return the work of all points."""
    return sum(_of_points(config).values())


def done_work(folder: RunFolder, config: RunConfig) -> int:
    """Return the work done so far. The folder is not read as a whole, since progress asks several times a second."""
    line = last_line(folder.path / "metrics.jsonl", Progress)
    file, points = folder.path / "evaluation.jsonl", _of_points(config)
    measured = _measured(file, file.stat().st_size) if file.exists() else set()
    evaluated = sum(work for place, work in points.items() if place in measured)
    return (0 if line is None else line.step) * _of_a_step(config) + evaluated


def _of_a_step(config: RunConfig) -> int:
    return config.train.batch_size * config.build_task().tokens(config.train.length)


def _of_points(config: RunConfig) -> dict[tuple[int, str], int]:
    """Return the work of each point."""
    evaluate, trained, task = config.evaluate, config.train.length, config.build_task()
    return {
        (length, split): task.drawn_by(split)[0].tokens(length)
        * evaluate.sequences_at(task, length, split, trained_at=trained)
        for length, split in evaluate.points
    }


@lru_cache(maxsize=4096)
def _measured(file: Path, size: int) -> set[tuple[int, str]]:
    """Return length and split of the points in a file of this size; an unfinished line does not count."""
    lines = file.read_bytes()[:size].splitlines(keepends=True)
    points = (json.loads(line) for line in lines if line.endswith(b"\n"))
    return {(point["length"], point["split"]) for point in points}
