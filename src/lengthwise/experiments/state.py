"""How far a run has come, from what its folder holds.

Work is counted in tokens or items read, those of training and of evaluation alike; how long one takes differs between
the two, so that a time made of it is rough.
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
    """A few words, such as ``training at step 40 of 60``; what is said of training can be a few steps old."""
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
    if (folder.first.path / "config.json").exists():
        return f"the model that it learns from is {state(folder.first)}"
    return "not trained yet"


def kept(folder: RunFolder) -> str:
    """What a run that was stopped carries on from: a sentence or none."""
    if not (folder.path / "config.json").exists():
        return ""
    newest = Checkpoint.newest(folder.path / "checkpoint")
    if folder.finished:
        return "The run is finished."
    if folder.trained is not None:
        return "Training is done; the same command with --resume carries on with the evaluation."
    if newest is not None:
        return f"The same command with --resume carries on from step {newest.step:,}."
    if (folder.first.path / "config.json").exists():
        return "The same command with --resume carries on with the model to learn from."
    return "No step was done; the same command with --resume begins."


def training_work(config: RunConfig) -> int:
    """What all steps read."""
    return config.train.steps * _of_a_step(config)


def evaluation_work(config: RunConfig) -> int:
    """What all points read."""
    return sum(_of_points(config).values())


def done_work(folder: RunFolder, config: RunConfig) -> int:
    """What has been read, without reading all of the folder: it is asked several times a second."""
    line = last_line(folder.path / "metrics.jsonl", Progress)
    file, points = folder.path / "evaluation.jsonl", _of_points(config)
    measured = _measured(file, file.stat().st_size) if file.exists() else set()
    evaluated = sum(work for place, work in points.items() if place in measured)
    return (0 if line is None else line.step) * _of_a_step(config) + evaluated


def _of_a_step(config: RunConfig) -> int:
    return config.train.batch_size * config.train.length


def _of_points(config: RunConfig) -> dict[tuple[int, str], int]:
    """What each point reads."""
    evaluate, trained = config.evaluate, config.train.length
    return {
        (length, split): length * evaluate.sequences_at(length, split, trained_at=trained)
        for length, split in evaluate.points
    }


@lru_cache(maxsize=4096)
def _measured(file: Path, size: int) -> set[tuple[int, str]]:
    """Length and split of the points in a file of that size; a line cut short is none yet."""
    lines = file.read_bytes()[:size].splitlines(keepends=True)
    points = (json.loads(line) for line in lines if line.endswith(b"\n"))
    return {(point["length"], point["split"]) for point in points}
