"""Every task can be trained: its batches, its loss and what is logged fit together."""

from pathlib import Path

import pytest
from tests.tasks.lengths import accepted

from lengthwise.experiments.config import RunConfig
from lengthwise.experiments.run import build_model
from lengthwise.files import read_lines
from lengthwise.tasks import TASKS, load
from lengthwise.training.loop import Progress, train


@pytest.mark.parametrize("name", list(TASKS))
def test_a_step_of_every_task(name: str, tmp_path: Path) -> None:
    length = accepted(load(name), 9)
    settings = {"length": length, "steps": 1, "batch_size": 2, "device": "cpu"}
    config = RunConfig.read(
        {"task": name, "model": {"mechanism": "softmax"}, "train": settings, "evaluate": {"lengths": [length]}}
    )
    task = config.build_task()
    train(build_model(config), task, config.train, seed=0, folder=tmp_path)
    (line,) = read_lines(tmp_path / "metrics.jsonl", Progress)
    assert line.loss > 0
    assert (line.accuracy is None) == (task.main.name in ("absolute_error", "squared_error"))
