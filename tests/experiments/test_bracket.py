"""A sweep of learning rates that widens until its best rate lies inside, or the bracket ends."""

from pathlib import Path
from typing import Any

import pytest

from lengthwise.analysis import summarise
from lengthwise.errors import InputError
from lengthwise.experiments.comparison import compare, read_experiment
from lengthwise.experiments.config import ComparisonConfig
from lengthwise.reports import write_report

BASE: dict[str, Any] = {
    "task": "argmax-retrieval",
    "model": {"dim": 16},
    "train": {"shortest": 3, "length": 8, "steps": 20, "batch_size": 8},
    "evaluate": {"lengths": [8, 16], "sequences": 64},
}


def config(*rates: float, bracket: int) -> ComparisonConfig:
    settings = {"base": BASE, "mechanisms": ["softmax"], "learning_rates": rates, "bracket": bracket}
    return ComparisonConfig.read(settings)


@pytest.mark.parametrize(
    ("swept", "bracket", "rates"),
    [
        ((1e-3,), 0, (1e-3,)),
        ((1e-3,), 2, (2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3)),
        ((3e-3, 1e-3), 1, (3.33e-4, 1e-3, 3e-3, 9e-3)),
        ((1e-4, 2e-4, 1e-3), 1, (5e-5, 1e-4, 2e-4, 1e-3, 5e-3)),
    ],
)
def test_rates_go_on_as_the_sweep_does(swept: tuple[float, ...], bracket: int, rates: tuple[float, ...]) -> None:
    assert config(*swept, bracket=bracket).rates == pytest.approx(rates)


def test_too_wide_a_bracket_is_refused() -> None:
    with pytest.raises(InputError, match="bracket"):
        config(1e-3, bracket=9)


def test_the_sweep_widens_towards_the_best_rate(tmp_path: Path) -> None:
    """After 20 steps a higher rate has learnt more: the bracket is tried upwards, step by step, to its end."""
    asked = config(1e-5, bracket=2)
    experiment = compare(asked, tmp_path / "out", processes=2, resume=False)
    tried = sorted(run.learning_rate for run in experiment.runs)
    assert tried == [5e-6, 1e-5, 2e-5, 4e-5]  # below the first rate once, since it was both ends
    assert experiment.chosen == {"softmax": 4e-5}
    summary = summarise(experiment)
    assert [trial.state for trial in summary.training[0].trials] == ["absent", *["trained"] * 4]
    assert summary.training[0].edge == "highest"
    page = write_report(summary, tmp_path).read_text(encoding="utf-8")
    assert "edge</small>" in page
    assert "2.5e-06" not in page
    again = compare(asked, tmp_path / "out", processes=2, resume=True)
    assert again.chosen == read_experiment(tmp_path / "out").chosen == experiment.chosen
    assert len(again.runs) == 4
