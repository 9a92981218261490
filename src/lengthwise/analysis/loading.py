"""Runs and comparisons read from their folders, for a notebook or a script."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lengthwise.analysis.summary import Summary, summarise
from lengthwise.analysis.tables import Table
from lengthwise.attention import Mechanism
from lengthwise.errors import InputError
from lengthwise.experiments.comparison import read_experiment
from lengthwise.experiments.record import Experiment, Run
from lengthwise.experiments.run import load_model
from lengthwise.models import Model
from lengthwise.tasks import Task

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class LoadedRun(Run):
    """A run: one model that is trained once and evaluated; the run may be unfinished."""

    @property
    def task(self) -> Task:
        """The task that the model learns."""
        return self.config.build_task()

    @cached_property
    def summary(self) -> Summary:
        """The summary of the run, computed at the first access."""
        return summarise(read_experiment(self.folder))

    def model(self) -> Model:
        """Load the trained model from the newest checkpoint, on the CPU and ready for inference.

        Raises:
            InputError: if there is no checkpoint.
            RunError: if the checkpoint is damaged.
        """
        return load_model(self.folder)

    def to_dataframe(self, table: Table = "values") -> "pandas.DataFrame":
        """Make a pandas data frame, see :meth:`lengthwise.analysis.Summary.to_dataframe`."""
        return self.summary.to_dataframe(table)


@dataclass(frozen=True)
class LoadedComparison(Experiment):
    """A comparison: several mechanisms, each trained with every seed; the comparison may be unfinished."""

    runs: tuple[LoadedRun, ...]

    @cached_property
    def summary(self) -> Summary:
        """The summary of the comparison, computed at the first access."""
        return summarise(self)

    def run(self, mechanism: str, seed: int | None = None) -> LoadedRun:
        """Find the run of a mechanism with a seed (default: the first seed) at the mechanism's chosen learning rate.

        ``finalists(mechanism)`` returns its runs with all seeds, ``trials(mechanism)`` those with all learning rates.

        Raises:
            InputError: if there is no such run.
        """
        wanted = self.config.base.seed if seed is None else seed
        for run in self.runs:
            if (run.mechanism, run.config.seed) == (str(Mechanism.parse(mechanism)), wanted) and (
                run.learning_rate == self.chosen.get(run.mechanism)
            ):
                return run
        there = ", ".join(f"{run.mechanism} with seed {run.config.seed}" for run in self.runs)
        raise InputError(
            f"{self.folder} has no run of {mechanism} with seed {wanted} at a chosen learning rate; it has "
            f"{there or 'no run yet'}."
        )

    def to_dataframe(self, table: Table = "values") -> "pandas.DataFrame":
        """Make a pandas data frame, see :meth:`lengthwise.analysis.Summary.to_dataframe`."""
        return self.summary.to_dataframe(table)


def read(folder: Path) -> LoadedRun | LoadedComparison:
    """Read a folder, see :func:`lengthwise.load`."""
    experiment = read_experiment(folder)
    runs = tuple(LoadedRun(**vars(run)) for run in experiment.runs)
    if (folder / "comparison.json").exists():
        return LoadedComparison(**vars(experiment) | {"runs": runs})
    return runs[0]
