"""A run by itself: what it learns and measures is a function of its configuration."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lengthwise.experiments.config import RunConfig
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.run import evaluate_run, train_run

DECODER = {"task": "flip-flop", "model": {"layers": 1, "dim": 16, "heads": 2}, "train": {"length": 16}}
ENCODER = {
    "task": "even-pairs",
    "model": {"layers": 1, "dim": 16, "heads": 2, "causal": False, "mechanism": "softmax+rope"},
    "train": {"length": 8},
}
READER = {"task": "argmax-retrieval", "model": {"dim": 16, "mechanism": "scalable-softmax"}, "train": {"length": 8}}
MATCHER = {"task": "set-matching", "model": {"dim": 16}, "train": {"length": 4}}
INVERTED = {"task": "coupled-series", "model": {"layers": 1, "dim": 16}, "train": {"length": 4}}


@pytest.mark.parametrize(
    "settings",
    [DECODER, ENCODER, READER, MATCHER, INVERTED],
    ids=["decoder", "encoder", "set reader", "set matcher", "inverted transformer"],
)
def test_the_default_dtype_is_that_of_others(
    tmp_path: Path, settings: dict[str, Any], default_dtype: Callable[[torch.dtype], None]
) -> None:
    settings["train"] |= {"steps": 5, "batch_size": 8, "device": "cpu"}
    config = RunConfig.read({**settings, "evaluate": {"lengths": [32], "sequences": 8}})
    runs = []
    for dtype in (torch.float32, torch.float64):
        default_dtype(dtype)
        folder = RunFolder(tmp_path / str(dtype))
        folder.claim(config, resume=False)
        train_run(folder)
        evaluate_run(folder)
        runs.append(folder)
    one, other = runs
    for name in ("model", "optimizer"):
        file = f"checkpoint/step-00000005/{name}.safetensors"
        assert (one.path / file).read_bytes() == (other.path / file).read_bytes()
    assert [replace(point, seconds=0) for point in one.points] == [replace(point, seconds=0) for point in other.points]
