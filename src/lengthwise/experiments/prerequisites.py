"""Prerequisites of a run: the model whose weights the run takes over, and the model that its parts learn from.

The parts of a mechanism name these models (:class:`~lengthwise.attention.part.Part`). A single run trains them itself.
In a comparison they may be contestants, too; then a run waits for them and takes over their results.
"""

import shutil
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch

from lengthwise.attention import Mechanism
from lengthwise.attention.call import Call
from lengthwise.attention.core import AttentionCore, attention_layers
from lengthwise.attention.part import Part
from lengthwise.attention.parts import Weights
from lengthwise.attention.rows import SCORES_AT_ONCE
from lengthwise.experiments.config import RunConfig
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.key import RunKey
from lengthwise.files import explained
from lengthwise.models import Model
from lengthwise.tasks import Task
from lengthwise.training.seeds import generator

T = TypeVar("T")
EXAMPLES = 256
"""How many training examples a part learns from."""


class Prerequisites(NamedTuple):
    """The runs that come before one; None where there is no such run."""

    weights: RunConfig | None
    """Its model is trained in place of the run's, which takes over the trained weights."""
    model: RunConfig | None
    """Its trained model is the one that parts learn from before training."""


def prerequisites(config: RunConfig) -> Prerequisites:
    """Return the runs that come before the run of ``config``."""
    weights, model = (
        None if mechanism is None else config.vary(model={"mechanism": str(mechanism)})
        for mechanism in _mechanisms(Mechanism.parse(config.model.mechanism))
    )
    return Prerequisites(weights, model)


def _mechanisms(mechanism: Mechanism) -> tuple[Mechanism | None, Mechanism | None]:
    """Return the mechanisms of :class:`Prerequisites`."""
    trained = mechanism.trained_as
    return None if trained == mechanism else trained, mechanism.learns_from


def waves(runs: Iterable[T], key: Callable[[T], RunKey]) -> list[list[T]]:
    """Sort the runs of a comparison into waves, so that what a run may take over is trained in an earlier wave."""
    due: dict[int, list[T]] = {}
    for run in runs:
        due.setdefault(_depth(key(run).mechanism), []).append(run)
    return [wave for _, wave in sorted(due.items())]


def _depth(mechanism: Mechanism) -> int:
    """Return how many trainings come one after the other before the one of ``mechanism``."""
    weights, model = _mechanisms(mechanism)
    source = weights or model
    return 0 if source is None else 1 + _depth(source)


def take_over(key: RunKey, comparison: Path) -> None:
    """Copy into a run's folder what other runs of its comparison have trained for it, unless it has begun to train.

    Raises:
        RunError: if the folder cannot be written.
    """
    folder = key.folder(comparison)
    if (folder / "checkpoint").exists():
        return
    weights, model = (_trained(key, mechanism, comparison) for mechanism in _mechanisms(key.mechanism))
    if weights is not None:
        with explained("write the checkpoint", folder):
            for file in ("start.json", "metrics.jsonl", "validation.jsonl"):
                if (weights / file).exists():
                    shutil.copy2(weights / file, folder)
            _copy(weights / "checkpoint", folder / "checkpoint")
    elif model is not None and not (first := RunFolder(folder).first.path).exists():
        with explained("write the run", folder):
            _copy(model, first)


def _trained(key: RunKey, mechanism: Mechanism | None, comparison: Path) -> Path | None:
    """Return the folder of a mechanism's run at the same rate and with the same seed; None if it is not trained."""
    if mechanism is None:
        return None
    folder = replace(key, mechanism=mechanism).folder(comparison)
    return None if RunFolder(folder).trained is None else folder


def _copy(folder: Path, to: Path) -> None:
    """Copy the whole folder or nothing."""
    writing = to.with_name(".inheriting")
    shutil.rmtree(writing, ignore_errors=True)
    shutil.copytree(folder, writing)
    writing.rename(to)


@torch.no_grad()
def learn(model: Model, trained: Model, task: Task, length: int) -> None:
    """Let the parts of ``model`` learn from ``trained``, layer by layer, on training examples of ``length``.

    The examples are the same for every model.
    """
    layers = list(zip(attention_layers(trained), map(_learners, attention_layers(model)), strict=True))
    at_once = max(1, SCORES_AT_ONCE // (length**2 * max(layer.sizes.heads for layer, _ in layers)))
    trained.eval()
    with ExitStack() as hooks:
        for layer, parts in layers:
            hooks.enter_context(layer.weights.watched_by(partial(_teach, parts, layer.weights)))
        for index, start in enumerate(range(0, EXAMPLES, at_once)):
            examples = min(at_once, EXAMPLES - start)
            # The label is as old as the first part that learnt: another one would draw other examples.
            task.sample(generator("calibration", length, index), examples, length, task.splits[0]).ask(trained)
    for _, parts in layers:
        for part in parts:
            part.learn()


def _learners(layer: AttentionCore) -> list[Part]:
    return [part for part in layer.modules() if isinstance(part, Part) and part.learns_from is not None]


def _teach(parts: list[Part], weights: Weights, call: Call) -> None:
    """Show the parts a call of a trained model, and the weights that it gives."""
    probabilities = weights.probabilities(call)
    for part in parts:
        part.observe(call, probabilities)
