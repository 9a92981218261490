"""One run: train, validate, evaluate; every stage carries on from what its folder holds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from lengthwise.errors import InputError
from lengthwise.evaluation import EvaluateConfig, Point, evaluate_point
from lengthwise.experiments.config import RunConfig
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.prerequisites import learn, prerequisites
from lengthwise.experiments.record import Trained
from lengthwise.experiments.start import take_over, trained_weights
from lengthwise.models import Model, build
from lengthwise.statistics.estimate import Estimate
from lengthwise.tasks import Task
from lengthwise.training.checkpoint import Checkpoint
from lengthwise.training.device import fabric, threads
from lengthwise.training.loop import Progress, train
from lengthwise.training.seeds import seed_of

FEW = 128
"""Number of examples of a validation during the training."""


def build_model(config: RunConfig) -> Model:
    """Build the untrained model; its weights depend on the seed alone."""
    torch.manual_seed(seed_of(config.seed, "weights"))
    return build(config.sized_model)


def load_model(folder: Path) -> Model:
    """Load the model of a run's folder from its newest checkpoint, on the CPU, ready for inference."""
    run = RunFolder(folder)
    model = build(run.config.sized_model)
    newest = Checkpoint.newest(folder / "checkpoint")
    if newest is None and run.trained is not None:
        raise InputError(
            f"{folder} was trained, but its checkpoint is gone; put {folder / 'checkpoint'} back, or delete "
            f"{folder / 'trained.json'} and train again with --resume."
        )
    if newest is None:
        raise InputError(f"{folder} holds no checkpoint yet; train it with lengthwise run --resume.")
    newest.load_model(model)
    return model.eval()


def train_run(folder: RunFolder, on_progress: Callable[[Progress], None] = lambda progress: None) -> None:
    """Train, then validate at the training length; do nothing if both are done.

    A model that parts of the mechanism learn from is trained first, unless the folder holds it.
    """
    if folder.trained is None:
        with threads(folder.config.train):
            _train(folder, on_progress)


def _train(folder: RunFolder, on_progress: Callable[[Progress], None]) -> None:
    config = folder.config
    task = config.build_task()
    before = prerequisites(config)
    begins = Checkpoint.newest(folder.path / "checkpoint") is None
    start = _start(config) if begins and config.start is not None else None
    first = _trained_first(folder, before.model, on_progress) if begins and before.model is not None else None
    learner = build_model(before.weights or config)
    if start is not None:
        folder.start = take_over(start, learner)
    if first is not None:
        learn(learner, first, task, config.train.length)
    effort = train(
        learner,
        task,
        config.train,
        seed=config.seed if config.data_seed is None else config.data_seed,
        folder=folder.path,
        on_progress=on_progress,
        validate=lambda model: _during(model, task, config),
    )
    model = learner if before.weights is None else _with_weights(config, learner)
    validation = _validated(model, task, config, config.evaluate)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    folder.trained = Trained(parameters, effort.seconds, effort.tokens_per_second, validation)


def _validated(model: nn.Module, task: Task, config: RunConfig, evaluate: EvaluateConfig) -> Point:
    """Evaluate on validation data at the training length."""
    length = config.train.length
    device = next(model.parameters()).device
    with fabric(config.train).autocast():  # as in training, and in what is measured later
        return evaluate_point(
            model, task, evaluate, task.splits[1], length, label="validation", trained_at=length, device=device
        )


def _during(model: nn.Module, task: Task, config: RunConfig) -> Estimate:
    """Measure the main metric on few validation examples, in the midst of training."""
    few = config.evaluate.model_copy(update={"sequences": FEW})
    return _validated(model, task, config, few).values[task.main.name]


def _with_weights(config: RunConfig, learner: Model) -> Model:
    """Return the model of a run with the weights of the model that was trained in its place."""
    model = build(config.sized_model)
    model.load_state_dict(learner.state_dict())
    return model.to(next(learner.parameters()).device)


def _start(config: RunConfig) -> Model:
    """Load the trained model whose weights the training starts from."""
    assert config.start is not None
    folder = Path(config.start)
    if trained_weights(folder).sha256 != config.start_sha256:
        raise InputError(
            f"The weights in {folder} are not those with which this run began; put those back, or begin anew in "
            "another folder, with --out."
        )
    return load_model(folder)


def _trained_first(folder: RunFolder, config: RunConfig, on_progress: Callable[[Progress], None]) -> Model:
    """Train and return the model to learn from."""
    folder.first.claim(config, resume=True)
    train_run(folder.first, on_progress)
    return load_model(folder.first.path)


def evaluate_run(folder: RunFolder, on_point: Callable[[Point], None] = lambda point: None) -> None:
    """Measure every point that the run's settings ask for and that its folder does not hold yet."""
    if not folder.finished:
        with threads(folder.config.train):
            _evaluate(folder, on_point)


def _evaluate(folder: RunFolder, on_point: Callable[[Point], None]) -> None:
    config = folder.config
    task = config.build_task()
    device = fabric(config.train)
    folder.mend()
    due = folder.due(config)
    if due:
        (folder.path / "result.json").unlink(missing_ok=True)  # which is so no longer
        model = load_model(folder.path).to(device.device)
    held = {(point.length, point.split): point for point in folder.points}
    for length, split in due:
        with device.autocast():
            point = evaluate_point(
                model, task, config.evaluate, split, length, trained_at=config.train.length, device=device.device
            )
        before = held.get((length, split), point)
        if (before.sequences, before.decode) == (point.sequences, point.decode):  # what is known of examples stays
            point = replace(before, values=point.values | before.values)
        folder.add_point(point)
        on_point(point)
    folder.finish()
