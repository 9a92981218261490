"""Seeds of the weights crossed with seeds of the training data."""

from pathlib import Path
from typing import Any

import pytest

from lengthwise.analysis import summarise
from lengthwise.experiments.comparison import compare
from lengthwise.experiments.config import ComparisonConfig
from lengthwise.files import read_json
from lengthwise.reports import write_report
from lengthwise.training.checkpoint import Checkpoint

BASE: dict[str, Any] = {
    "task": "argmax-retrieval",
    "seed": 5,
    "model": {"dim": 16},
    "train": {"shortest": 3, "length": 8, "steps": 4, "batch_size": 8, "log_every": 1},
    "evaluate": {"lengths": [8, 16], "sequences": 64},
}


def crossed(seeds: int, data_seeds: int, mechanisms: tuple[str, ...] = ("softmax", "softmax+layer-norm")) -> Any:
    settings = {"base": BASE, "mechanisms": mechanisms, "learning_rates": [1e-2, 2e-2]}
    return ComparisonConfig.read(settings | {"seeds": seeds, "data_seeds": data_seeds})


def test_every_seed_of_one_kind_meets_every_seed_of_the_other() -> None:
    config = crossed(2, 3)
    runs = [config.run("softmax", 1e-2, number) for number in range(config.runs)]
    assert [(run.seed, run.data_seed) for run in runs] == [(own, data) for own in (5, 6) for data in (5, 6, 7)]
    assert len({run.key for run in runs}) == 6
    assert runs[1].key.folder(Path("out")) == Path("out/runs/softmax/rate-0.01/seed-5-data-6")
    plain = crossed(2, 1)
    assert [(plain.run("softmax", 1e-2, number).seed, plain.run("softmax", 1e-2, number).data_seed)
            for number in range(plain.runs)] == [(5, None), (6, None)]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crossed") / "out"
    compare(crossed(2, 2), folder, processes=2, resume=False)
    return folder


def test_weights_and_data_come_from_their_own_seeds(folder: Path) -> None:
    experiment = compare(crossed(2, 2), folder, processes=1, resume=True)
    rate = experiment.chosen["softmax"]
    runs = {(run.config.seed, run.config.data_seed): run for run in experiment.finalists("softmax")}
    assert set(runs) == {(5, 5), (5, 6), (6, 5), (6, 6)}
    first = {pair: run.metrics[0]["loss"] for pair, run in runs.items()}
    assert len(set(first.values())) == 4
    assert len(experiment.trials("softmax")) == 2
    # The pair of equal seeds is the run that has no seed of the data.
    alone = compare(
        ComparisonConfig.read({"base": BASE, "mechanisms": ["softmax"], "learning_rates": [rate]}),
        folder.parent / "alone",
        processes=1,
        resume=False,
    )
    one, other = (Checkpoint.newest(path / "checkpoint") for path in (alone.runs[0].folder, runs[5, 5].folder))
    assert one is not None
    assert other is not None
    assert (one.path / "model.safetensors").read_bytes() == (other.path / "model.safetensors").read_bytes()
    assert runs[5, 6].config.key.folder(folder) == runs[5, 6].folder


def test_the_summary_separates_the_variances_and_tests_means_over_data(folder: Path, tmp_path: Path) -> None:
    experiment = compare(crossed(2, 2), folder, processes=1, resume=True)
    summary = summarise(experiment)
    assert [(of.mechanism, of.length) for of in summary.variances] == [
        (name, length) for name in ("softmax", "softmax+layer-norm") for length in (8, 16)
    ]
    claim = summary.claims[0]
    assert claim.pairs == (2, 2)
    assert claim.trained == ()
    assert claim.missing == ()
    assert {(value.seed, value.data_seed) for value in summary.values} == {(5, 5), (5, 6), (6, 5), (6, 6)}
    assert all(of.seeds == 4 for of in summary.effective)
    page = write_report(summary, tmp_path).read_text(encoding="utf-8")
    assert "2 seeds of the weights × 2 seeds of the training data per mechanism" in page
    assert ">Weights or data</h2>" in page
    assert read_json(tmp_path / "summary.json", dict[str, Any])["design"]["crossed"] == [2, 2]
