"""The contents of the folder of a run or a comparison, read for reports and for the choice of learning rates."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lengthwise.evaluation.point import Point
from lengthwise.experiments.config import ComparisonConfig, RunConfig
from lengthwise.tasks import Task
from lengthwise.training.loop import Validation


@dataclass(frozen=True)
class Trained:
    """Results of the training of a run."""

    parameters: int
    seconds: float
    tokens_per_second: float
    """Tokens, or items."""
    validation: Point
    """On the validation split at the training length; the learning rate is chosen by it."""


@dataclass(frozen=True)
class Result:
    """Results of a run after its evaluation."""

    trained: Trained
    evaluation: tuple[Point, ...]


@dataclass(frozen=True)
class Failure:
    """The reason why the last attempt failed."""

    message: str


@dataclass(frozen=True)
class Run:
    """One run. It is trained if ``trained`` is set, evaluated if it has points, and failed if ``failure`` is set."""

    folder: Path
    config: RunConfig
    environment: dict[str, str]
    trained: Trained | None
    points: tuple[Point, ...]
    """Those that its evaluate settings ask for, in their order."""
    failure: str | None
    metrics: tuple[dict[str, Any], ...]
    """Lines of metrics.jsonl: step, loss, learning_rate, gradient_norm, tokens_per_second, accuracy."""
    validations: tuple[Validation, ...] = ()
    """Validations during the training, in the order of steps."""

    @property
    def mechanism(self) -> str:
        """Name of the attention mechanism."""
        return self.config.model.mechanism

    @property
    def learning_rate(self) -> float:
        """Peak learning rate."""
        return self.config.train.learning_rate


@dataclass(frozen=True)
class Experiment:
    """The runs of a folder: of a comparison, or a single run."""

    folder: Path
    command: str
    """How to repeat it."""
    config: ComparisonConfig
    runs: tuple[Run, ...]
    chosen: dict[str, float]
    """The learning rate that each mechanism goes on with; a mechanism all of whose trials failed is absent."""

    @property
    def task(self) -> Task:
        """The task of all runs."""
        return self.config.base.build_task()

    @property
    def chosen_runs(self) -> tuple[Run, ...]:
        """The runs of every mechanism at its chosen learning rate, seed by seed."""
        return tuple(run for mechanism in self.config.mechanisms for run in self.finalists(mechanism))

    @property
    def wanted_runs(self) -> int:
        """The number of runs planned at chosen learning rates; a mechanism whose trials all failed has none."""
        failed = {run.mechanism for run in self.runs if run.failure is not None}
        going = [name for name in self.config.mechanisms if name in self.chosen or name not in failed]
        return len(going) * self.config.runs

    def finalists(self, mechanism: str) -> tuple[Run, ...]:
        """Return the runs of a mechanism at its chosen learning rate, one per seed."""
        rate = self.chosen.get(mechanism)
        return tuple(run for run in self.runs if run.mechanism == mechanism and run.learning_rate == rate)

    def trials(self, mechanism: str) -> tuple[Run, ...]:
        """Return the runs of a mechanism with the first seed, one per learning rate."""
        first, own = self.config.seeds_of(0), [run for run in self.runs if run.mechanism == mechanism]
        return tuple(run for run in own if (run.config.seed, run.config.data_seed) == first)
