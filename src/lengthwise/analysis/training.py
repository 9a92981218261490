"""The training of an experiment: chosen learning rates, times, failures, and loss curves."""

import math
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from lengthwise.analysis.design import Design
from lengthwise.analysis.numbers import finite
from lengthwise.experiments.record import Experiment, Run
from lengthwise.training.loop import Validation

CURVE = 300
"""Largest number of points of a loss curve; a figure cannot show more."""


@dataclass(frozen=True)
class Trial:
    """A learning rate tried with the first seed."""

    learning_rate: float
    state: Literal["trained", "failed", "untrained", "absent"]
    """``untrained`` = training is not finished; ``absent`` = there is no run."""
    value: float | None
    """Main metric on validation data at the training length (unit of the metric); None if unknown."""
    loss: float | None
    """Loss on the same data (unit of the loss); None if unknown."""


@dataclass(frozen=True)
class Escape:
    """When the training of one seed left chance."""

    seed: int
    step: int | None
    """First step from which on every validation is better than chance, beyond its interval; None if there is no such
    step."""
    chance: float
    """Main metric of the untrained model, or of the commonest answer if this is right more often (unit of the
    metric)."""
    last: float
    """Main metric at the last validation (unit of the metric)."""


@dataclass(frozen=True)
class Training:
    """The training of one mechanism."""

    mechanism: str
    runs: int
    """Number of runs at all learning rates."""
    parameters: int | None
    """Number of parameters of one model; None before a model is trained."""
    learning_rate: float | None
    """Chosen learning rate; None before the choice."""
    trials: tuple[Trial, ...]
    """One trial for each learning rate, lowest first."""
    edge: Literal["lowest", "highest"] | None
    """End of the rates tried at which the chosen rate lies, so that a better one may lie beyond; None if other rates
    were tried on both sides, or if one rate alone was tried."""
    escapes: tuple[Escape, ...]
    """One for each seed that was validated during its training at the chosen learning rate."""
    seconds: float | None
    """Mean training time over seeds at the chosen learning rate (s); None before the choice."""
    tokens_per_second: float | None
    """Mean training speed over seeds at the chosen learning rate (tokens or items per s); None before the choice."""
    finished: int
    """Number of evaluated seeds at the chosen learning rate."""
    failed: int
    """Number of failed seeds at the chosen learning rate; before the choice, failed runs at all learning rates."""


@dataclass(frozen=True)
class Failed:
    """A run whose last attempt failed."""

    mechanism: str
    learning_rate: float
    seed: int
    folder: str
    """Name of the run's folder, without the path."""
    message: str
    """Reason for the failure."""


@dataclass(frozen=True)
class Curve:
    """The loss of one run against the step, thinned to ``CURVE`` points."""

    mechanism: str
    seed: int
    learning_rate: float
    steps: tuple[int, ...]
    losses: tuple[float, ...]
    """Mean losses over a training batch (unit of the loss); only positive and finite losses."""


def training(experiment: Experiment, design: Design) -> tuple[Training, ...]:
    """Summarise the training of each mechanism."""
    return tuple(_training(experiment, design, name) for name in design.mechanisms)


def failures(experiment: Experiment) -> tuple[Failed, ...]:
    """List the runs that failed."""
    return tuple(
        Failed(run.mechanism, run.learning_rate, run.config.seed, run.folder.name, run.failure)
        for run in experiment.runs
        if run.failure
    )


def curves(experiment: Experiment, design: Design) -> tuple[Curve, ...]:
    """Return the thinned loss curve of every run at a chosen learning rate; a run without a loss is left out."""
    found = (_curve(run) for name in design.mechanisms for run in experiment.finalists(name))
    return tuple(curve for curve in found if curve.steps)


def _training(experiment: Experiment, design: Design, mechanism: str) -> Training:
    own = [run for run in experiment.runs if run.mechanism == mechanism]
    finalists = experiment.finalists(mechanism)
    trained = [run.trained for run in finalists if run.trained]
    trials = {run.learning_rate: run for run in experiment.trials(mechanism)}
    chosen = experiment.chosen.get(mechanism)
    return Training(
        mechanism=mechanism,
        runs=len(own),
        parameters=next((run.trained.parameters for run in own if run.trained), None),
        learning_rate=chosen,
        trials=tuple(_trial(design, rate, trials.get(rate)) for rate in design.learning_rates),
        edge=_edge(sorted(trials), chosen),
        escapes=tuple(_escape(run, design) for run in finalists if len(run.validations) > 1),
        seconds=fmean(known.seconds for known in trained) if trained else None,
        tokens_per_second=fmean(known.tokens_per_second for known in trained) if trained else None,
        finished=sum(run.failure is None and bool(run.points) for run in finalists),
        failed=sum(run.failure is not None for run in finalists or own),
    )


def _edge(tried: list[float], chosen: float | None) -> Literal["lowest", "highest"] | None:
    if chosen is None or len(tried) < 2:
        return None
    return "lowest" if chosen == tried[0] else "highest" if chosen == tried[-1] else None


def _escape(run: Run, design: Design) -> Escape:
    untrained, *later = run.validations
    constant = 0.0 if run.trained is None else run.trained.validation.chance or 0.0

    def better(of: Validation) -> bool:
        if design.main.better == "higher":
            return of.low > max(untrained.high, constant)
        return of.high < untrained.low

    stays = next((place for place in range(len(later), 0, -1) if not better(later[place - 1])), 0)
    step = later[stays].step if stays < len(later) else None
    return Escape(run.config.seed, step, max(untrained.value, constant), later[-1].value)


def _trial(design: Design, rate: float, run: Run | None) -> Trial:
    if run is None:
        return Trial(rate, "absent", None, None)
    if run.trained is None:
        return Trial(rate, "failed" if run.failure else "untrained", None, None)
    found = [run.trained.validation.values.get(metric.name) for metric in (design.main, design.loss)]
    value, loss = (None if measured is None else finite(measured.value) for measured in found)
    return Trial(rate, "trained", value, loss)


def _curve(run: Run) -> Curve:
    lines = [line for line in run.metrics if line.get("loss") is not None and 0 < line["loss"] < math.inf]
    lines = lines[:: -(-len(lines) // CURVE) or 1]
    steps, losses = (tuple(line[key] for line in lines) for key in ("step", "loss"))
    return Curve(run.mechanism, run.config.seed, run.learning_rate, steps, losses)
