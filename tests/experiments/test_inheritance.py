"""What differs at inference only is not trained twice."""

from pathlib import Path
from typing import Any

import pytest

from lengthwise.experiments.comparison import compare
from lengthwise.experiments.config import ComparisonConfig
from lengthwise.experiments.folder import RunFolder

SETTINGS: dict[str, Any] = {
    "task": "argmax-retrieval",
    "model": {"dim": 16},
    "train": {"shortest": 3, "length": 8, "steps": 20, "batch_size": 8, "log_every": 5, "checkpoint_every": 10},
    "evaluate": {"lengths": [8, 32], "sequences": 16},
}


WITH_POSITIONS = SETTINGS | {
    "task": "flip-flop",
    "model": {"dim": 16, "layers": 1, "heads": 2},
    "train": SETTINGS["train"] | {"shortest": None},
}


def config(*mechanisms: str, rates: tuple[float, ...] = (1e-3,), base: dict[str, Any] = SETTINGS) -> ComparisonConfig:
    return ComparisonConfig.read({"base": base, "mechanisms": mechanisms, "learning_rates": rates, "seeds": 2})


def run(
    folder: Path, *mechanisms: str, rates: tuple[float, ...] = (1e-3,), base: dict[str, Any] = SETTINGS
) -> dict[str, list[bytes]]:
    """The weights at the end of every run, by mechanism."""
    experiment = compare(config(*mechanisms, rates=rates, base=base), folder, processes=2, resume=True)
    assert not any(run.failure for run in experiment.runs)
    assert all(len(run.points) == 2 for name in mechanisms for run in experiment.finalists(name))
    return {
        name: [(run.folder / "checkpoint/step-00000020/model.safetensors").read_bytes() for run in experiment.runs
               if run.mechanism == name]
        for name in mechanisms
    }  # fmt: skip


@pytest.mark.long
def test_inference_only_mechanisms_take_over_the_weights(tmp_path: Path) -> None:
    weights = run(tmp_path, "top-1", "softmax", "adaptive-temperature", rates=(1e-3, 3e-3))
    assert weights["top-1"][:2] == weights["softmax"][:2] == weights["adaptive-temperature"][:2]
    folder = tmp_path / "runs/top-1/rate-0.001/seed-0"
    trained = [RunFolder(tmp_path / f"runs/{name}/rate-0.001/seed-0").trained for name in ("softmax", "top-1")]
    assert all(trained)
    assert trained[0].seconds == trained[1].seconds  # those of the one training
    assert (folder / "metrics.jsonl").read_text(encoding="utf-8") == (
        tmp_path / "runs/softmax/rate-0.001/seed-0/metrics.jsonl"
    ).read_text(encoding="utf-8")


def test_alone_they_train_to_the_same_weights(tmp_path: Path) -> None:
    alone, taught = run(tmp_path / "alone", "top-1"), run(tmp_path / "both", "softmax", "top-1")
    assert alone["top-1"] == taught["top-1"] == taught["softmax"]


@pytest.mark.long
def test_positions_take_over_the_weights(tmp_path: Path) -> None:
    both = run(tmp_path / "both", "softmax+rope", "top-1+rope-interpolated", base=WITH_POSITIONS)
    assert both["softmax+rope"] == both["top-1+rope-interpolated"]
    first, second = (tmp_path / f"both/runs/{name}/rate-0.001/seed-0/metrics.jsonl" for name in both)
    assert first.read_text(encoding="utf-8") == second.read_text(
        encoding="utf-8"
    )  # with its times: it has not been trained again
    base = run(tmp_path / "base", "softmax+rope[base=50]", "softmax+yarn[base=50,mscale=0.5]", base=WITH_POSITIONS)
    assert base["softmax+rope[base=50]"] == base["softmax+yarn[base=50,mscale=0.5]"] != both["softmax+rope"]
    assert run(tmp_path / "alone", "softmax+yarn", base=WITH_POSITIONS)["softmax+yarn"] == both["softmax+rope"]
