"""Later evaluations: other lengths, splits and metrics of trained models, without training again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lengthwise.errors import InputError
from lengthwise.evaluation import Point
from lengthwise.experiments.check import check
from lengthwise.experiments.comparison import FILE, read_experiment
from lengthwise.experiments.config import ComparisonConfig, RunConfig
from lengthwise.experiments.executors.executor import Executor, Job, Queue
from lengthwise.experiments.executors.processes import Processes
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.manifest import claimed
from lengthwise.experiments.record import Experiment
from lengthwise.experiments.run import evaluate_run


@dataclass(frozen=True)
class More:
    """Lengths, splits, metrics and settings to add to the evaluation of a folder."""

    lengths: tuple[int, ...] = ()
    """Tokens or items."""
    splits: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Values of other settings of the evaluation, which replace those held."""

    def added_to(self, config: RunConfig) -> RunConfig:
        """Return the same run with all of this added to its evaluation.

        Raises:
            InputError: for a length, a split, a metric or a setting that the run cannot have.
        """
        config = config.vary(evaluate=self.settings)
        held = config.evaluate
        lengths = sorted({*held.lengths, *self.lengths}) if self.lengths else held.lengths
        return config.vary(
            evaluate={
                "lengths": lengths,
                "splits": (*held.splits, *self.splits),
                "metrics": (*held.metrics, *self.metrics),
            }
        )


def extended(folder: Path, more: More) -> ComparisonConfig:
    """Return the configuration of a run's or a comparison's folder with ``more`` added; nothing is written.

    Raises:
        InputError: if the folder holds neither, if a run that is to be evaluated is not trained, or if one of them
            cannot be evaluated so.
    """
    experiment = read_experiment(folder)
    config = experiment.config.model_copy(update={"base": more.added_to(experiment.config.base)})
    trained = [run for run in experiment.chosen_runs if run.trained is not None]
    failed = [run for run in experiment.chosen_runs if run.trained is None and run.failure is not None]
    waiting = experiment.wanted_runs - len(trained) - len(failed)
    if waiting or not trained:
        verb, count = ("run", "is") if RunFolder(folder).begun else ("compare", "holds runs that are")
        raise InputError(f"{folder} {count} not trained yet; carry on with lengthwise {verb} --resume first.")
    for mechanism in {run.mechanism: run for run in trained}.values():
        check(_as_in(config, mechanism.config))
    return config


def evaluate_more(
    folder: Path,
    config: ComparisonConfig,
    *,
    processes: int = 1,
    on: Executor | None = None,
    on_point: Callable[[Point], None] = lambda point: None,
    on_change: Callable[[Queue], None] = lambda queue: None,
) -> Experiment:
    """Measure the points of ``config`` (from :func:`extended`) that ``folder`` does not hold, and read the folder.

    Of a comparison, every trained run at its mechanism's chosen learning rate is evaluated ``on`` an executor, by
    default in ``processes`` processes of this machine at a time. A single run is evaluated in this process, unless
    ``on`` is given.
    After a stop, the same call carries on.

    Raises:
        RunError: if another process writes into the folder.
    """
    run = RunFolder(folder)
    if run.begun and on is not None:
        with on:
            run.claim(config.base, resume=True)
            on.run([] if run.finished else [Job(config.base.key, folder, evaluate=True)], on_change)
        return read_experiment(folder)
    if run.begun:
        with run.claimed(config.base, resume=True):
            evaluate_run(run, on_point)
        return read_experiment(folder)
    experiment = read_experiment(folder)
    executor = Processes(processes) if on is None else on
    with executor, claimed(folder, FILE, config, resume=True, may_change=("base.evaluate",)):
        jobs = []
        for trained in (run for run in experiment.chosen_runs if run.trained is not None):
            RunFolder(trained.folder).claim(_as_in(config, trained.config), resume=True)
            jobs.append(Job(trained.config.key, trained.folder, evaluate=True))
        due = [job for job in jobs if not RunFolder(job.folder).finished]
        executor.run(due, on_change)
    return read_experiment(folder)


def _as_in(config: ComparisonConfig, run: RunConfig) -> RunConfig:
    """Return the run with the evaluation settings of the comparison."""
    return run.model_copy(update={"evaluate": config.base.evaluate})
