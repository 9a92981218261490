"""The training loop: accumulation, resuming to the same bits, divergence."""

import math
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from lengthwise import Decoder, DecoderConfig
from lengthwise.errors import RunError
from lengthwise.evaluation import EvaluateConfig, evaluate_point
from lengthwise.files import read_lines
from lengthwise.models import SetReaderConfig, build
from lengthwise.tasks import Loss, Sets
from lengthwise.tasks.batch import Reply
from lengthwise.tasks.metrics import CrossEntropy
from lengthwise.tasks.recall.flip_flop import FlipFlop
from lengthwise.tasks.sets.argmax_retrieval import ArgmaxRetrieval
from lengthwise.training.checkpoint import Checkpoint
from lengthwise.training.config import TrainConfig
from lengthwise.training.loop import Progress, train, training_batch

CONFIG = TrainConfig(
    length=16,
    steps=12,
    batch_size=8,
    warmup=0.2,
    log_every=2,
    checkpoint_every=4,
    device="cpu",
    precision="float32",
)


def model(**sizes: Any) -> Decoder:
    torch.manual_seed(0)
    made = build(DecoderConfig(**{"vocab_size": 5, "layers": 1, "dim": 16, "heads": 2, **sizes}))
    assert isinstance(made, Decoder)
    return made


class StoppedError(Exception):
    pass


def _stop(progress: Progress) -> None:
    if progress.step == 10:
        raise StoppedError


@pytest.mark.parametrize(("average", "every"), [(0.0, 1), (0.9, 1), ("bema", 1), ("bema", 3)])
def test_resumed_is_uninterrupted(tmp_path: Path, average: float | str, every: int) -> None:
    """With dropout, so that the random state matters too."""
    config = CONFIG.model_copy(update={"average": average, "average_every": every})

    whole, broken, resumed = (model(mechanism="softmax+rope", dropout=0.2) for _ in range(3))
    torch.manual_seed(1)
    train(whole, FlipFlop(), config, seed=5, folder=tmp_path / "whole")
    torch.manual_seed(1)
    with pytest.raises(StoppedError):
        train(broken, FlipFlop(), config, seed=5, folder=tmp_path / "parts", on_progress=_stop)
    assert [line["step"] for line in read_lines(tmp_path / "parts" / "metrics.jsonl", dict)] == [2, 4, 6, 8, 10]
    torch.rand(17)
    train(resumed, FlipFlop(), config, seed=5, folder=tmp_path / "parts")
    for (name, a), (_, b) in zip(whole.state_dict().items(), resumed.state_dict().items(), strict=True):
        assert torch.equal(a, b), name
    ends = [tmp_path / run / "checkpoint/step-00000012" for run in ("whole", "parts")]
    assert (ends[0] / "average.safetensors").exists() == bool(average)
    for file in ends[0].glob("*.safetensors"):
        assert file.read_bytes() == (ends[1] / file.name).read_bytes(), file.name
    lines = [read_lines(tmp_path / run / "metrics.jsonl", dict) for run in ("whole", "parts")]
    for ours, theirs in zip(*lines, strict=True):
        assert {**ours, "tokens_per_second": 0} == {**theirs, "tokens_per_second": 0}


@pytest.mark.parametrize("mechanism", ["top-1", "factored"])
def test_parameters_without_a_gradient_are_resumed_too(tmp_path: Path, mechanism: str) -> None:
    """Queries and keys that no gradient reaches are unknown to the optimiser."""
    whole, broken, resumed = (model(mechanism=mechanism, context=16) for _ in range(3))
    train(whole, FlipFlop(), CONFIG, seed=5, folder=tmp_path / "whole")
    with pytest.raises(StoppedError):
        train(broken, FlipFlop(), CONFIG, seed=5, folder=tmp_path / "parts", on_progress=_stop)
    train(resumed, FlipFlop(), CONFIG, seed=5, folder=tmp_path / "parts")
    for (name, a), (_, b) in zip(whole.state_dict().items(), resumed.state_dict().items(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_no_step_leaves_the_model_as_it_begins(tmp_path: Path, average: float) -> None:
    """Also when it is resumed from the checkpoint of step 0."""
    config, began = CONFIG.model_copy(update={"steps": 0, "average": average}), model()
    for _ in range(2):
        untrained = model()
        effort = train(untrained, FlipFlop(), config, seed=0, folder=tmp_path)
        assert (effort.tokens, effort.tokens_per_second) == (0, 0.0)
        newest, loaded = Checkpoint.newest(tmp_path / "checkpoint"), model()
        loaded.head.weight.data.zero_()
        assert newest is not None
        assert newest.step == 0
        newest.load_model(loaded)
        for made in (untrained, loaded):
            assert all(map(torch.equal, made.state_dict().values(), began.state_dict().values()))


def test_accumulated_parts_are_one_batch(tmp_path: Path) -> None:
    """In float64, since AdamW divides by small gradients and so makes much of the rounding of float32."""
    once, parts = model().double(), model().double()
    train(once, FlipFlop(), CONFIG, seed=0, folder=tmp_path / "once")
    train(parts, FlipFlop(), CONFIG.model_copy(update={"accumulate": 4}), seed=0, folder=tmp_path / "parts")
    for a, b in zip(once.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_the_seed_decides_the_data(tmp_path: Path) -> None:
    losses = []
    for run, seed in enumerate((1, 1, 2)):
        train(model(), FlipFlop(), CONFIG, seed=seed, folder=tmp_path / str(run))
        losses.append([line["loss"] for line in read_lines(tmp_path / str(run) / "metrics.jsonl", dict)])
    assert losses[0] == losses[1] != losses[2]


def test_examples_come_again_in_the_same_order() -> None:
    few, task = CONFIG.model_copy(update={"examples": 24}), FlipFlop()
    batches = [training_batch(task, few, 0, step)[0] for step in range(7)]
    for step in range(3):
        assert torch.equal(batches[step], batches[step + 3])
        assert torch.equal(batches[step], training_batch(task, CONFIG, 0, step)[0])
        assert not torch.equal(batches[step], batches[step + 1])
    assert torch.equal(batches[0], batches[6])
    with pytest.raises(ValueError, match=r"train\.examples must be a multiple of train\.batch_size; got 20 and 8"):
        TrainConfig(batch_size=8, examples=20)


@pytest.mark.parametrize("accumulate", [1, 4])
def test_the_accuracy_is_that_of_the_batch_before_its_step(tmp_path: Path, accumulate: int) -> None:
    config = CONFIG.model_copy(update={"accumulate": accumulate, "log_every": 1, "steps": 1})
    trained = model()
    right = training_batch(FlipFlop(), config, 0, 0).ask(trained).right.double().mean().item()
    train(trained, FlipFlop(), config, seed=0, folder=tmp_path)
    (line,) = read_lines(tmp_path / "metrics.jsonl", Progress)
    assert line.accuracy == pytest.approx(right)
    assert 0 < right < 1


def test_divergence_is_named_and_the_last_good_checkpoint_kept(tmp_path: Path) -> None:
    exploding = model()

    def explode(progress: Progress) -> None:
        if progress.step == 6:
            exploding.head.weight.data.fill_(float("nan"))

    with pytest.raises(RunError, match=r"the loss is nan at step 8\. Lower train\.learning_rate"):
        train(exploding, FlipFlop(), CONFIG, seed=0, folder=tmp_path, on_progress=explode)
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["step-00000004"]


def test_a_gradient_that_is_no_number_is_named_before_its_weights_are_saved(tmp_path: Path) -> None:
    broken = model()
    broken.head.weight.register_hook(lambda gradient: gradient * math.nan)
    config = CONFIG.model_copy(update={"steps": 1})
    with pytest.raises(RunError, match="the norm of the gradient is nan at step 1"):
        train(broken, FlipFlop(), config, seed=0, folder=tmp_path)
    assert not (tmp_path / "checkpoint").exists()


def test_bfloat16_trains(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"precision": "bfloat16"})
    trained = model()
    train(trained, FlipFlop(), config, seed=0, folder=tmp_path)
    assert all(parameter.dtype == torch.float32 and parameter.isfinite().all() for parameter in trained.parameters())


def test_every_batch_has_a_length_of_its_own(tmp_path: Path) -> None:
    class Recorder(ArgmaxRetrieval):
        lengths: ClassVar[list[int]] = []

        def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Sets:
            self.lengths.append(length)
            return super().sample(generator, batch_size, length, split)

    config = CONFIG.model_copy(
        update={"shortest": 5, "length": 9, "steps": 60, "schedule": "constant", "warmup": 1 / 30}
    )
    reader = build(SetReaderConfig(item_features=11, query_features=1, classes=10, dim=8))
    effort = train(reader, Recorder(), config, seed=0, folder=tmp_path)
    assert set(Recorder.lengths) == {5, 6, 7, 8, 9}
    assert effort.tokens == config.batch_size * sum(Recorder.lengths)
    assert {line["learning_rate"] for line in read_lines(tmp_path / "metrics.jsonl", dict)[1:]} == {
        config.learning_rate
    }


def test_gradients_are_clipped_or_left_alone(tmp_path: Path) -> None:
    weights = []
    for run, norm in enumerate((0.0, 1e9, 1e-3)):
        trained = model()
        train(trained, FlipFlop(), CONFIG.model_copy(update={"clip_norm": norm}), seed=0, folder=tmp_path / str(run))
        weights.append(trained.head.weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("decayed", ["matrices", "all"])
def test_weight_decay_is_of_matrices_or_of_all(tmp_path: Path, decayed: str) -> None:
    """A step with decay is the step without decay, minus rate times decay times the weight."""
    config = CONFIG.model_copy(update={"steps": 1, "warmup": 0.0, "decayed": decayed})
    before, weights = dict(model(paper_faithful=True).double().named_parameters()), []
    for run, decay in enumerate((0.0, 0.5)):
        trained = model(paper_faithful=True).double()
        update = {"weight_decay": decay}
        train(trained, FlipFlop(), config.model_copy(update=update), seed=0, folder=tmp_path / str(run))
        weights.append(dict(trained.named_parameters()))
    for name, weight in before.items():
        shrinks = decayed == "all" or weight.ndim == 2
        torch.testing.assert_close(weights[0][name] - weights[1][name], 1e-3 * 0.5 * shrinks * weight)


def test_subnormals_are_flushed_in_training_only(tmp_path: Path) -> None:
    smallest, seen = torch.tensor([1e-40], dtype=torch.float32), []
    train(
        model(), FlipFlop(), CONFIG, seed=0, folder=tmp_path, on_progress=lambda _: seen.append((smallest * 1).item())
    )
    assert set(seen) == {0.0}
    assert (smallest * 1).item() > 0


@pytest.mark.parametrize("every", [1, 3])
def test_the_average_by_hand(tmp_path: Path, every: int) -> None:
    """Its decay rises from 0 over 2/11 and 3/12 to what is asked for."""
    config, seen = CONFIG.model_copy(update={"average": 0.3, "average_every": every, "log_every": 1}), []
    trained = model(tied_head=True).double()
    train(
        trained,
        FlipFlop(),
        config,
        seed=0,
        folder=tmp_path,
        on_progress=lambda _: seen.append(trained.head.weight.detach().clone()),
    )
    average, *others = seen[every - 1 :: every]
    for decay, weight in zip([2 / 11, 3 / 12, *9 * [0.3]][: len(others)], others, strict=True):
        average = decay * average + (1 - decay) * weight
    torch.testing.assert_close(trained.head.weight.detach(), average)
    assert trained.head.weight is trained.embedding.weight


@pytest.mark.parametrize("every", [1, 5])
def test_the_bias_corrected_average_by_hand(tmp_path: Path, every: int) -> None:
    """Of arXiv 2508.00180, by the authors' update of the weights after n steps with a lag of 10."""
    config, seen = CONFIG.model_copy(update={"average": "bema", "average_every": every, "log_every": 1}), []
    trained = model(tied_head=True).double()
    initial = trained.head.weight.detach().clone()
    train(
        trained,
        FlipFlop(),
        config,
        seed=0,
        folder=tmp_path,
        on_progress=lambda _: seen.append(trained.head.weight.detach().clone()),
    )
    ema = bema = initial
    for n, weight in enumerate(seen, start=1):
        if n % every == 0:
            beta, alpha = (1 + n + 10) ** -0.5, (1 + n + 10) ** -0.2
            ema = ema * (1 - beta) + weight * beta
            bema = ema + alpha * (weight - initial)
    torch.testing.assert_close(trained.head.weight.detach(), bema)
    assert trained.head.weight is trained.embedding.weight


def test_averaging_leaves_training_alone(tmp_path: Path) -> None:
    plain, averaged = model(), model()
    for trained, average in ((plain, 0.0), (averaged, 0.9)):
        config = CONFIG.model_copy(update={"average": average})
        train(trained, FlipFlop(), config, seed=0, folder=tmp_path / str(average))
    ends = [tmp_path / run / "checkpoint/step-00000012" for run in ("0.0", "0.9")]
    assert {file.name for file in ends[1].iterdir()} - {file.name for file in ends[0].iterdir()} == {
        "average.safetensors"
    }
    assert (ends[0] / "model.safetensors").read_bytes() == (ends[1] / "model.safetensors").read_bytes()
    assert not torch.equal(plain.head.weight, averaged.head.weight)


def test_a_resumed_end_has_the_average(tmp_path: Path) -> None:
    """Also where nothing was left to train."""
    config = CONFIG.model_copy(update={"average": 0.9})
    once, again = model(), model()
    train(once, FlipFlop(), config, seed=0, folder=tmp_path)
    train(again, FlipFlop(), config, seed=0, folder=tmp_path)
    assert torch.equal(once.head.weight, again.head.weight)


class Doubled(CrossEntropy):
    """Twice the cross-entropy."""

    name = "doubled"

    def losses(self, reply: Reply) -> torch.Tensor:
        return 2 * super().losses(reply)


class Doubling(FlipFlop):
    """The flip-flop language, trained by a loss of its own."""

    loss: ClassVar[Loss] = Doubled()


def test_a_task_is_trained_and_measured_by_its_own_loss(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"log_every": 1, "steps": 1})
    for task in (FlipFlop(), Doubling()):
        train(model(mechanism="softmax+rope"), task, config, seed=5, folder=tmp_path / type(task).__name__)
    once, twice = (read_lines(tmp_path / name / "metrics.jsonl", Progress)[0] for name in ("FlipFlop", "Doubling"))
    assert twice.loss == pytest.approx(2 * once.loss)
    assert twice.gradient_norm == pytest.approx(2 * once.gradient_norm)
    values = evaluate_point(model(), Doubling(), EvaluateConfig(sequences=8), "validation", 16).values
    plain = evaluate_point(model(), FlipFlop(), EvaluateConfig(sequences=8), "validation", 16).values
    assert set(values) == {"exact_match", "token_accuracy", "doubled"}
    assert values["doubled"].value == pytest.approx(2 * plain["loss"].value)
