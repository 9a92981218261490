"""A moving average of the weights is what is validated, evaluated and handed on."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from lengthwise.errors import InputError
from lengthwise.evaluation import evaluate_point
from lengthwise.experiments.comparison import compare
from lengthwise.experiments.config import ComparisonConfig, RunConfig
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.run import evaluate_run, load_model, train_run
from lengthwise.files import read_json, write_json

SETTINGS = {
    "task": "flip-flop",
    "model": {"dim": 16, "layers": 1, "heads": 2, "mechanism": "softmax+rope"},
    "train": {"length": 8, "steps": 20, "batch_size": 8, "log_every": 5, "checkpoint_every": 10, "average": 0.9},
    "evaluate": {"lengths": [8, 32], "sequences": 16},
}


def test_the_average_is_validated_and_evaluated(tmp_path: Path) -> None:
    config, folder = RunConfig.read(SETTINGS), RunFolder(tmp_path)
    folder.claim(config, resume=False)
    train_run(folder)
    evaluate_run(folder)
    averaged: Any = load_model(tmp_path)
    last: Any = load_model(tmp_path)
    last.load_state_dict(load_file(tmp_path / "checkpoint/step-00000020/model.safetensors"))
    assert not torch.equal(averaged.head.weight, last.head.weight)

    def loss(model: torch.nn.Module, label: str) -> float:
        point = evaluate_point(model, config.build_task(), config.evaluate, "validation", 8, label=label)
        return point.values["loss"].value

    trained = folder.trained
    assert trained is not None
    assert trained.validation.values["loss"].value == pytest.approx(loss(averaged, "validation"), rel=1e-6)
    assert folder.points[0].values["loss"].value == pytest.approx(loss(averaged, "evaluation"), rel=1e-6)
    assert abs(loss(averaged, "validation") - loss(last, "validation")) > 1e-4


def test_the_average_is_handed_on(tmp_path: Path) -> None:
    config = ComparisonConfig.read(
        {"base": SETTINGS, "mechanisms": ["softmax+rope", "top-1+rope"], "learning_rates": [1e-3]}
    )
    compare(config, tmp_path, processes=2, resume=False)
    files = [
        tmp_path / f"runs/{name}/rate-0.001/seed-0/checkpoint/step-00000020/average.safetensors"
        for name in config.mechanisms
    ]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_folder_older_than_the_setting_is_carried_on(tmp_path: Path) -> None:
    plain = RunConfig.read(SETTINGS).vary(train={"average": 0})
    folder = RunFolder(tmp_path)
    folder.claim(plain, resume=False)
    held = read_json(tmp_path / "config.json", dict)
    del held["config"]["train"]["average"], held["config"]["model"]["reach"]
    write_json(tmp_path / "config.json", held)
    folder.claim(plain, resume=True)
    assert read_json(tmp_path / "config.json", dict) == held
    with pytest.raises(InputError, match=r"train\.average is 0\.0 there, 0\.9 here"):
        folder.claim(RunConfig.read(SETTINGS), resume=True)
