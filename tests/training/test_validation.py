"""Validation during the training: it changes nothing in the training, and the report shows it."""

from pathlib import Path
from typing import Any

from lengthwise.analysis import summarise
from lengthwise.experiments.comparison import read_experiment
from lengthwise.experiments.config import RunConfig
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.run import evaluate_run, train_run
from lengthwise.reports import write_report

SETTINGS: dict[str, Any] = {
    "task": "flip-flop",
    "model": {"mechanism": "softmax+rope+randomised", "dim": 16, "layers": 1, "heads": 2, "dropout": 0.1},
    "train": {"length": 16, "steps": 20, "batch_size": 8, "learning_rate": 1e-2, "log_every": 5, "validate_every": 5},
    "evaluate": {"lengths": [16, 32], "sequences": 16},
}


def trained(folder: Path, **train: Any) -> RunFolder:
    run = RunFolder(folder)
    run.claim(RunConfig.read(SETTINGS).vary(train=train), resume=True)
    train_run(run)
    return run


def weights(run: RunFolder) -> bytes:
    return (run.path / "checkpoint/step-00000020/model.safetensors").read_bytes()


def test_it_changes_nothing_in_the_training(tmp_path: Path) -> None:
    """Though this numbering draws from the global generator, and dropout does."""
    with_it, without = trained(tmp_path / "with"), trained(tmp_path / "without", validate_every=0)
    assert weights(with_it) == weights(without)
    assert [line.step for line in with_it.validations] == [0, 5, 10, 15, 20]
    assert without.validations == ()
    assert all(0 <= line.low <= line.value <= line.high <= 1 for line in with_it.validations)


def test_the_report_tells_it(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    evaluate_run(run)
    summary = summarise(read_experiment(tmp_path / "run"))
    page = write_report(summary, tmp_path).read_text(encoding="utf-8")
    step = summary.training[0].escapes[0].step
    assert "left chance<small>step, seed by seed</small>" in page
    assert f"<td>{'never' if step is None else step}</td>" in page
