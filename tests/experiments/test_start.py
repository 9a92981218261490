"""Training that starts from the weights of a trained run: what is taken over, resumed, compared and refused."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lengthwise.errors import InputError, RunError
from lengthwise.experiments.check import check
from lengthwise.experiments.comparison import compare
from lengthwise.experiments.config import ComparisonConfig, RunConfig
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.run import build_model, evaluate_run, load_model, train_run
from lengthwise.experiments.start import planned
from lengthwise.training.loop import Progress

SETTINGS: dict[str, Any] = {
    "task": "flip-flop",
    "model": {"dim": 16, "layers": 2, "heads": 2, "mechanism": "softmax+rope", "dropout": 0.1},
    "train": {"length": 8, "steps": 10, "batch_size": 8, "log_every": 2, "checkpoint_every": 4},
    "evaluate": {"lengths": [8, 32], "sequences": 16},
}
SETS: dict[str, Any] = {
    "task": "argmax-retrieval",
    "model": {"dim": 16, "mechanism": "softmax"},
    "train": {"length": 8, "steps": 4, "batch_size": 8},
    "evaluate": {"lengths": [8], "sequences": 16},
}
Swap = Callable[..., RunConfig]


def finished(path: Path, config: RunConfig) -> RunFolder:
    folder = RunFolder(path)
    folder.claim(config, resume=True)
    train_run(folder)
    evaluate_run(folder)
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A trained run of softmax+rope."""
    return finished(tmp_path_factory.mktemp("source"), RunConfig.read(SETTINGS))


@pytest.fixture
def swap(source: RunFolder) -> Swap:
    """``swap("t2r", steps=0)``: the run that starts from the source."""

    def to(mechanism: str, **train: Any) -> RunConfig:
        return source.config.vary(start=str(source.path), model={"mechanism": mechanism}, train=train)

    return to


def last(folder: RunFolder) -> dict[str, bytes]:
    """The files of the last checkpoint."""
    (*_, newest) = sorted((folder.path / "checkpoint").iterdir())
    return {file.name: file.read_bytes() for file in newest.glob("*.safetensors")}


def untimed(folder: RunFolder) -> list[Any]:
    return [replace(point, seconds=0) for point in folder.points]


def test_the_same_mechanism_is_evaluated_the_same(source: RunFolder, swap: Swap, tmp_path: Path) -> None:
    swapped = finished(tmp_path / "run", swap("softmax+rope", steps=0))
    assert untimed(swapped) == untimed(source)
    assert swapped.start is not None
    assert not swapped.start.fresh + swapped.start.dropped
    assert last(swapped)["model.safetensors"] == last(source)["model.safetensors"]
    assert swapped.config.start == str(source.path)


def test_another_mechanism_takes_what_both_have(source: RunFolder, swap: Swap, tmp_path: Path) -> None:
    config = swap("t2r", steps=0)
    first = finished(tmp_path / "first", config)
    start, untrained = first.start, build_model(config).state_dict()
    assert start is not None
    parts = ("weights.weight", "weights.bias")
    assert start.fresh == tuple(f"blocks.{layer}.attention.{part}" for layer in (0, 1) for part in parts)
    assert start.dropped == ()
    trained, swapped = (load_model(folder.path).state_dict() for folder in (source, first))
    assert swapped.keys() == {*start.taken, *start.fresh}
    for name, tensor in swapped.items():
        assert torch.equal(tensor, (untrained if name in start.fresh else trained)[name]), name

    again = first.config.vary(start=str(first.path), start_sha256=None, model={"mechanism": "threshold-relative"})
    second = finished(tmp_path / "second", again).start
    assert second is not None
    assert second.dropped == start.fresh
    assert "blocks.1.attention.weights.forget.weight" in second.fresh


def test_fine_tuning_trains_all_weights(source: RunFolder, swap: Swap, tmp_path: Path) -> None:
    tuned = finished(tmp_path / "run", swap("t2r", steps=4, learning_rate=1e-2))
    trained, swapped = (load_model(folder.path).state_dict() for folder in (source, tuned))
    start = tuned.start
    assert start is not None
    assert not any(torch.equal(trained[name], swapped[name]) for name in start.taken)
    assert [line.step for line in tuned.validations] == [0]


def test_weights_of_sets_and_averages_are_taken(tmp_path: Path) -> None:
    """Of averaged weights, the average counts."""
    trained = RunConfig.read(SETS).vary(train={"average": 0.9})
    source = finished(tmp_path / "source", trained)
    to = trained.vary(start=str(source.path), model={"mechanism": "compositional"}, train={"steps": 0})
    swapped = finished(tmp_path / "swapped", to)
    assert swapped.start is not None
    assert swapped.start.fresh == tuple(
        f"attention.weights.{part}.{of}" for part in ("choosing", "offering") for of in ("weight", "bias")
    )
    there, here = (load_model(folder.path).state_dict() for folder in (source, swapped))
    assert all(torch.equal(there[name], here[name]) for name in swapped.start.taken)
    assert last(source)["average.safetensors"] != last(source)["model.safetensors"]


def test_prerequisites_start_there_too(swap: Swap, tmp_path: Path) -> None:
    """A part that learns from a trained model keeps what it learnt, and weights trained as others start as those."""
    calibrated = finished(tmp_path / "calibrated", swap("softmax+calibrated", steps=0))
    assert calibrated.first.config == swap("softmax+sinusoidal", steps=0).settled()
    model: Any = load_model(calibrated.path)
    assert (model.blocks[0].attention.position.table == -1e6).any()
    hard, soft = (finished(tmp_path / name, swap(f"{name}+rope", steps=4)) for name in ("top-1", "softmax"))
    assert last(hard) == last(soft)


@pytest.mark.parametrize("lines", [[1], [3], [1, 3]])
def test_resumed_is_uninterrupted(source: RunFolder, swap: Swap, tmp_path: Path, lines: list[int]) -> None:
    """Stopped after so many logged steps: before the first checkpoint, and after it, when the start may be gone."""

    class StoppedError(Exception):
        pass

    there = Path(shutil.copytree(source.path, tmp_path / "source"))
    config, whole = swap("t2r"), finished(tmp_path / "whole", swap("t2r"))
    broken = RunFolder(tmp_path / "broken")
    broken.claim(config.vary(start=str(there)), resume=False)
    for left in lines:
        logged = iter(range(1, left))

        def stop(progress: Progress, logged: Iterator[int] = logged) -> None:
            if next(logged, None) is None:
                raise StoppedError

        with pytest.raises(StoppedError):
            train_run(broken, stop)
    if lines[-1] == 3:
        shutil.rmtree(there)
    broken = finished(broken.path, config.vary(start=str(there)))
    assert last(broken) == last(whole)
    assert untimed(broken) == untimed(whole)
    assert broken.start == whole.start
    check(broken.config)


@pytest.mark.long
def test_mechanisms_are_compared_from_one_start(source: RunFolder, tmp_path: Path) -> None:
    base = source.config.vary(start=str(source.path), train={"steps": 0})
    mechanisms = ["top-1+rope", "t2r", "softmax+rope"]
    config = ComparisonConfig(base=base, mechanisms=tuple(mechanisms), learning_rates=(1e-3,))
    experiment = compare(config, tmp_path, resume=False)
    runs = {run.mechanism: RunFolder(run.folder) for run in experiment.runs}
    assert len(runs) == 3
    for run in runs.values():
        assert run.start is not None
        assert run.config.start_sha256 == experiment.config.base.start_sha256 is not None
    assert untimed(runs["softmax+rope"]) == untimed(source)
    assert last(runs["top-1+rope"]) == last(runs["softmax+rope"])


@pytest.mark.parametrize(
    ("model", "fragment"),
    [
        ({"dim": 32}, r"embedding.weight has the shape \(5, 16\) in the trained model and has the shape \(5, 32\) in"),
        ({"kv_heads": 1}, r"blocks.0.attention.key.weight has the shape \(16, 16\) in the trained model and has"),
        ({"layers": 1}, "blocks.1.attention_norm.weight has the shape .* and is missing in the new one; give both"),
        ({"layers": 3}, "blocks.2.attention_norm.weight is missing in the trained model and has the shape"),
    ],
)
def test_other_sizes_are_refused(swap: Swap, model: dict[str, Any], fragment: str) -> None:
    with pytest.raises(InputError, match=fragment):
        check(swap("t2r").vary(model=model).settled())


def test_tensors_of_parts_may_have_other_shapes(source: RunFolder, tmp_path: Path) -> None:
    learned = source.config.vary(model={"mechanism": "softmax+learned"}, train={"steps": 0})
    first = finished(tmp_path, learned)
    longer = first.config.vary(start=str(first.path), model={"context": 16}).settled()
    start = planned(longer)
    assert start.fresh == start.dropped == ("position.table.weight",)


def test_a_start_that_is_no_trained_run_is_refused(source: RunFolder, swap: Swap, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere holds no run; give the folder of a run that is trained"):
        swap("t2r").vary(start=str(tmp_path / "nowhere")).settled()
    begun = RunFolder(tmp_path / "begun")
    begun.claim(source.config, resume=False)
    with pytest.raises(InputError, match="begun is not trained yet; carry on with lengthwise run --resume first"):
        swap("t2r").vary(start=str(begun.path)).settled()
    (tmp_path / "many").mkdir()
    (tmp_path / "many" / "comparison.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="many is a comparison, which has many runs; give one of the folders in"):
        swap("t2r").vary(start=str(tmp_path / "many")).settled()
    with pytest.raises(InputError, match="start_sha256 cannot be 'abc'"):
        swap("t2r").vary(start_sha256="abc")
    with pytest.raises(InputError, match="start_sha256 is the hash of the weights of a start; give start, too"):
        source.config.vary(start_sha256="0" * 64)


def test_another_start_is_another_run(source: RunFolder, swap: Swap, tmp_path: Path) -> None:
    there = Path(shutil.copytree(source.path, tmp_path / "source"))
    run = RunFolder(tmp_path / "run")
    run.claim(swap("t2r").vary(start=str(there)), resume=False)
    with pytest.raises(InputError, match=r"belongs to other settings: start is '.*' there, None here"):
        run.claim(swap("t2r").vary(start=None), resume=True)
    for file in there.glob("checkpoint/*/model.safetensors"):
        file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(InputError, match="are not those with which this run began; put those back, or begin anew"):
        train_run(run)
    for file in there.glob("checkpoint/*/model.safetensors"):
        file.unlink()
    with pytest.raises(RunError, match=r"step-\d+ is damaged in model.safetensors: it cannot be read"):
        train_run(run)
