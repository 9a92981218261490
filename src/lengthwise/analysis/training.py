"""How training went: what was chosen, how long it took, what failed, and the loss on the way."""

import math
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from lengthwise.analysis.design import Design
from lengthwise.analysis.numbers import finite
from lengthwise.experiments.record import Experiment, Run

CURVE = 300
"""Points of a loss curve, at most; more cannot be told apart in a figure."""


@dataclass(frozen=True)
class Trial:
    """A learning rate that was tried with the first seed."""

    learning_rate: float
    state: Literal["trained", "failed", "untrained", "absent"]
    """``untrained`` of a run that has begun; ``absent`` where there is no run."""
    value: float | None
    """The main metric on validation data at the training length, in its unit; None where it is not known."""
    loss: float | None
    """The loss on the same data, in its unit; None where it is not known."""


@dataclass(frozen=True)
class Training:
    """How the training of one mechanism went."""

    mechanism: str
    runs: int
    """Runs there are, whatever their learning rate."""
    parameters: int | None
    """Of one model; None before any is trained."""
    learning_rate: float | None
    """The chosen one; None before there is one."""
    trials: tuple[Trial, ...]
    """One for each learning rate, the lowest first."""
    seconds: float | None
    tokens_per_second: float | None
    """Tokens or items. Both are means over the seeds trained with the chosen learning rate, and None without one."""
    finished: int
    """Seeds at the chosen learning rate that are evaluated."""
    failed: int
    """Seeds at the chosen learning rate; without one, runs at any."""


@dataclass(frozen=True)
class Failed:
    """A run whose last attempt failed."""

    mechanism: str
    learning_rate: float
    seed: int
    folder: str
    """The name of the run's folder, without the path to it."""
    message: str
    """Why the attempt failed."""


@dataclass(frozen=True)
class Curve:
    """The loss of one run against the step, thinned to ``CURVE`` points."""

    mechanism: str
    seed: int
    learning_rate: float
    steps: tuple[int, ...]
    losses: tuple[float, ...]
    """Mean over a training batch, in the unit of the loss; positive and finite ones alone."""


def training(experiment: Experiment, asked: Design) -> tuple[Training, ...]:
    """Say how training went, mechanism by mechanism."""
    return tuple(_training(experiment, asked, name) for name in asked.mechanisms)


def failures(experiment: Experiment) -> tuple[Failed, ...]:
    """List the runs that failed."""
    return tuple(
        Failed(run.mechanism, run.learning_rate, run.config.seed, run.folder.name, run.failure)
        for run in experiment.runs
        if run.failure
    )


def curves(experiment: Experiment, asked: Design) -> tuple[Curve, ...]:
    """Thin the loss of every run at a chosen learning rate; a run without any loss is left out."""
    found = (_curve(run) for name in asked.mechanisms for run in experiment.finalists(name))
    return tuple(curve for curve in found if curve.steps)


def _training(experiment: Experiment, asked: Design, mechanism: str) -> Training:
    own = [run for run in experiment.runs if run.mechanism == mechanism]
    finalists = experiment.finalists(mechanism)
    trained = [run.trained for run in finalists if run.trained]
    trials = {run.learning_rate: run for run in experiment.trials(mechanism)}
    return Training(
        mechanism=mechanism,
        runs=len(own),
        parameters=next((run.trained.parameters for run in own if run.trained), None),
        learning_rate=experiment.chosen.get(mechanism),
        trials=tuple(_trial(asked, rate, trials.get(rate)) for rate in asked.learning_rates),
        seconds=fmean(known.seconds for known in trained) if trained else None,
        tokens_per_second=fmean(known.tokens_per_second for known in trained) if trained else None,
        finished=sum(run.failure is None and bool(run.points) for run in finalists),
        failed=sum(run.failure is not None for run in finalists or own),
    )


def _trial(asked: Design, rate: float, run: Run | None) -> Trial:
    if run is None:
        return Trial(rate, "absent", None, None)
    if run.trained is None:
        return Trial(rate, "failed" if run.failure else "untrained", None, None)
    found = [run.trained.validation.values.get(metric.name) for metric in (asked.main, asked.loss)]
    value, loss = (None if measured is None else finite(measured.value) for measured in found)
    return Trial(rate, "trained", value, loss)


def _curve(run: Run) -> Curve:
    lines = [line for line in run.metrics if line.get("loss") is not None and 0 < line["loss"] < math.inf]
    lines = lines[:: -(-len(lines) // CURVE) or 1]
    steps, losses = (tuple(line[key] for line in lines) for key in ("step", "loss"))
    return Curve(run.mechanism, run.config.seed, run.learning_rate, steps, losses)
