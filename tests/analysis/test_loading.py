"""A folder read back: what the public function shows of itself is so."""

import doctest
from pathlib import Path

import pytest
import torch

import lengthwise
from lengthwise.analysis import LoadedComparison, LoadedRun, summarise
from lengthwise.errors import InputError
from lengthwise.experiments.comparison import read_experiment


def test_its_example_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parents[1])
    example = doctest.DocTestParser().get_doctest(
        lengthwise.load.__doc__ or "", {"lengthwise": lengthwise}, "load", None, None
    )
    assert len(example.examples) > 5
    told: list[str] = []
    result = doctest.DocTestRunner().run(example, out=told.append)
    assert result.failed == 0, "".join(told)


def test_a_comparison_gives_its_runs_and_its_summary(folder: Path) -> None:
    comparison = lengthwise.load(folder)
    assert isinstance(comparison, LoadedComparison)
    experiment = read_experiment(folder)
    assert comparison.config == experiment.config
    assert type(comparison.task) is type(experiment.task)
    assert [run.points for run in comparison.runs] == [run.points for run in experiment.runs]
    assert comparison.summary.values == summarise(experiment).values
    assert comparison.run("rope+softmax") is comparison.finalists("softmax+rope")[0]
    with pytest.raises(InputError, match="has no run of softmax with seed 7 at a chosen learning rate; it has thresh"):
        comparison.run("softmax", seed=7)


def test_a_run_gives_its_model_and_its_table(folder: Path) -> None:
    run = lengthwise.load(str(folder / "runs" / "threshold-relative" / "rate-0.001" / "seed-0"))
    assert isinstance(run, LoadedRun)
    assert run.mechanism == "threshold-relative"
    assert run.model()(torch.zeros(1, 4, dtype=torch.long)).logits.shape == (1, 4, 5)
    frame = run.to_dataframe()
    assert list(frame[frame.metric == run.task.main.name].value) == [
        point.values["exact_match"].value for point in run.points
    ]
    assert run.summary.design.mechanisms == ("threshold-relative",)


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run and no comparison"):
        lengthwise.load(tmp_path)
