"""Two stages: a model is trained, another one is calibrated on it and trained anew; alone, compared, and resumed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from lengthwise import Decoder, DecoderConfig
from lengthwise.attention import Mechanism
from lengthwise.evaluation import evaluate_point
from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.experiments.comparison import compare
from lengthwise.experiments.config import ComparisonConfig, RunConfig
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.prerequisites import learn, prerequisites
from lengthwise.experiments.run import build_model, evaluate_run, load_model, train_run
from lengthwise.tasks import Task, Tokens
from lengthwise.training.config import TrainConfig
from lengthwise.training.loop import Progress, train

SETTINGS = {
    "task": "flip-flop",
    "model": {"dim": 16, "layers": 2, "heads": 2, "mechanism": "softmax+calibrated", "dropout": 0.1},
    "train": {"length": 8, "steps": 20, "batch_size": 8, "log_every": 5, "checkpoint_every": 10},
    "evaluate": {"lengths": [8, 32], "sequences": 16},
}


class Shift(Task):
    """Every token is to be answered by the one two places before it."""

    unit: ClassVar[str] = "tokens"
    example: ClassVar[str] = "sequence"
    model: ClassVar[str] = "decoder"
    stride: ClassVar[int] = 1
    sizes: ClassVar[dict[str, int]] = {"vocab_size": 8}
    splits: ClassVar[tuple[str, ...]] = ("train", "validation")

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        inputs = torch.randint(8, (batch_size, length), generator=generator)
        scored = (torch.arange(length) >= 2).expand(batch_size, -1)
        return Tokens(inputs, inputs.roll(2, 1), scored, marks=inputs[:, :0])


def test_what_is_calibrated_goes_beyond_its_teacher(tmp_path: Path) -> None:
    def trained(mechanism: str, steps: int, teacher: Decoder | None = None) -> Decoder:
        torch.manual_seed(0)
        model = Decoder(DecoderConfig(8, layers=1, dim=32, heads=2, mechanism=mechanism, context=16))
        if teacher is not None:
            learn(model, teacher, Shift(), 16)
        config = TrainConfig(length=16, steps=steps, learning_rate=3e-3, checkpoint_every=1000, device="cpu")
        train(model, Shift(), config, seed=0, folder=tmp_path / mechanism)
        return model

    def accuracy(model: Decoder, length: int) -> float:
        return (
            evaluate_point(model, Shift(), EvaluateConfig(sequences=16), "validation", length, label="here")
            .values["token_accuracy"]
            .value
        )

    teacher = trained("softmax+rope", 600)
    assert accuracy(teacher, 16) > 0.99
    assert accuracy(teacher, 256) < 0.8
    calibrated = trained("softmax+calibrated", 200, teacher)
    table = calibrated.blocks[0].attention.position.table
    assert (table > -1e6).nonzero().tolist() == [[0, 2], [1, 2]]  # both heads look two tokens back
    assert accuracy(calibrated, 256) > 0.99


def finished(path: Path, config: RunConfig) -> dict[str, bytes]:
    """The files of the last checkpoint of a run."""
    folder = RunFolder(path)
    folder.claim(config, resume=True)
    train_run(folder)
    evaluate_run(folder)
    return {file.name: file.read_bytes() for file in (path / "checkpoint/step-00000020").glob("*.safetensors")}


def test_a_run_trains_its_teacher_first(tmp_path: Path) -> None:
    config = RunConfig.read(SETTINGS)
    finished(tmp_path, config)
    teacher = RunFolder(tmp_path).first
    assert teacher.config == config.settled().vary(model={"mechanism": "softmax+sinusoidal"})
    assert teacher.trained is not None
    by_hand: Any = build_model(config)
    learn(by_hand, load_model(teacher.path), config.build_task(), config.train.length)
    trained: Any = load_model(tmp_path)
    for ours, theirs in zip(by_hand.blocks, trained.blocks, strict=True):
        assert (ours.attention.position.table == -1e6).any()
        assert torch.equal(ours.attention.position.table, theirs.attention.position.table)


@pytest.mark.parametrize("lines", [[3], [6], [7], [3, 3, 2]])
def test_resumed_is_uninterrupted(tmp_path: Path, lines: list[int]) -> None:
    """Stopped after so many logged steps, of eight: while the teacher is trained, before a checkpoint, and after it."""

    class StoppedError(Exception):
        pass

    config = RunConfig.read(SETTINGS)
    broken = RunFolder(tmp_path / "broken")
    broken.claim(config, resume=False)
    for left in lines:
        logged = iter(range(1, left))

        def stop(progress: Progress, logged: Iterator[int] = logged) -> None:
            if next(logged, None) is None:
                raise StoppedError

        with pytest.raises(StoppedError):
            train_run(broken, stop)
    assert finished(broken.path, config) == finished(tmp_path / "whole", config)


def weights(folder: Path, *mechanisms: str) -> dict[str, bytes]:
    """The weights at the end of every run, by mechanism."""
    config = ComparisonConfig.read({"base": SETTINGS, "mechanisms": mechanisms, "learning_rates": [1e-3], "seeds": 1})
    experiment = compare(config, folder, processes=2, resume=True)
    assert [len(run.points) for run in experiment.runs] == [2] * len(mechanisms), [r.failure for r in experiment.runs]
    return {
        run.mechanism: (run.folder / "checkpoint/step-00000020/model.safetensors").read_bytes()
        for run in experiment.runs
    }


@pytest.mark.long
def test_in_a_comparison_nothing_is_trained_twice(tmp_path: Path) -> None:
    both = weights(tmp_path / "both", "top-1+calibrated", "softmax+calibrated", "softmax+sinusoidal")
    runs = tmp_path / "both/runs"
    teacher = runs / "softmax+calibrated/rate-0.001/seed-0/teacher"
    metrics = runs / "softmax+sinusoidal/rate-0.001/seed-0/metrics.jsonl"  # with its times, so it has been copied
    assert (teacher / "metrics.jsonl").read_text(encoding="utf-8") == metrics.read_text(encoding="utf-8")
    assert both["top-1+calibrated"] == both["softmax+calibrated"] != both["softmax+sinusoidal"]
    assert not (runs / "top-1+calibrated/rate-0.001/seed-0/teacher").exists()
    assert weights(tmp_path / "alone", "top-1+calibrated")["top-1+calibrated"] == both["top-1+calibrated"]


OWN = """
from lengthwise.attention.weights.softmax import Softmax


class Tempered(Softmax):
    learns_from = "softmax"
    seen, learnt = 0, 0

    def observe(self, call, weights):
        assert weights.shape == (call.query.shape[0], call.query.shape[1], call.layout.queries, call.layout.keys)
        self.seen += len(weights)

    def learn(self):
        self.learnt += self.seen
"""


def test_a_weights_part_of_ones_own_learns_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tempered_parts.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    config = RunConfig.read(SETTINGS).vary(model={"mechanism": "tempered_parts:Tempered+rope"})
    first = prerequisites(config)
    assert first.weights is None
    assert first.model is not None
    assert first.model.model.mechanism == "softmax+rope"
    learner: Any = build_model(config)
    learn(learner, build_model(first.model), config.build_task(), 8)
    assert [block.attention.weights.learnt for block in learner.blocks] == [256, 256]


def test_who_teaches_whom() -> None:
    teachers = {name: Mechanism.parse(name).learns_from for name in ("softmax", "softmax+alibi", "top-1+rope")}
    assert set(teachers.values()) == {None}
    taught = Mechanism.parse("adaptive-temperature+calibrated+layer-norm@heads")
    assert str(taught.learns_from) == "softmax+sinusoidal+layer-norm@heads"  # what it is while it is trained
    assert prerequisites(RunConfig.read(SETTINGS).vary(model={"mechanism": "softmax"})) == (None, None)
