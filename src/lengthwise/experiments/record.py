"""What a run or a comparison has left in its folder, read back for reports and for choosing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lengthwise.evaluation.point import Point
from lengthwise.experiments.config import ComparisonConfig, RunConfig
from lengthwise.tasks import Task


@dataclass(frozen=True)
class Trained:
    """What is known once a run is trained."""

    parameters: int
    seconds: float
    tokens_per_second: float
    """Tokens, or items."""
    validation: Point
    """On the validation split at the training length; the learning rate is chosen by it."""


@dataclass(frozen=True)
class Result:
    """What is known once a run is evaluated."""

    trained: Trained
    evaluation: tuple[Point, ...]


@dataclass(frozen=True)
class Failure:
    """Why the last attempt failed."""

    message: str


@dataclass(frozen=True)
class Run:
    """One run: trained where it has ``trained``, evaluated where it has points, failed where it says why."""

    folder: Path
    config: RunConfig
    environment: dict[str, str]
    trained: Trained | None
    points: tuple[Point, ...]
    """Those that its evaluate settings ask for, in their order."""
    failure: str | None
    metrics: tuple[dict[str, Any], ...]
    """Lines of metrics.jsonl: step, loss, learning_rate, gradient_norm, tokens_per_second."""

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
    """The runs of a folder, for a report: a comparison, or a single run by itself."""

    folder: Path
    command: str
    """How to repeat it."""
    config: ComparisonConfig
    runs: tuple[Run, ...]
    chosen: dict[str, float]
    """The learning rate that each mechanism goes on with; a mechanism all of whose trials failed is absent."""

    @property
    def task(self) -> Task:
        """What all runs learn."""
        return self.config.base.build_task()

    @property
    def chosen_runs(self) -> tuple[Run, ...]:
        """The runs that go on: of every mechanism at its chosen learning rate, seed by seed."""
        return tuple(run for mechanism in self.config.mechanisms for run in self.finalists(mechanism))

    @property
    def wanted_runs(self) -> int:
        """How many runs there are to be at chosen learning rates; of a mechanism all of whose trials failed, none."""
        failed = {run.mechanism for run in self.runs if run.failure is not None}
        going = [name for name in self.config.mechanisms if name in self.chosen or name not in failed]
        return len(going) * self.config.seeds

    def finalists(self, mechanism: str) -> tuple[Run, ...]:
        """The runs of a mechanism at its chosen learning rate, one per seed."""
        rate = self.chosen.get(mechanism)
        return tuple(run for run in self.runs if run.mechanism == mechanism and run.learning_rate == rate)

    def trials(self, mechanism: str) -> tuple[Run, ...]:
        """The runs of a mechanism with the first seed, one per learning rate."""
        first = self.config.base.seed
        return tuple(run for run in self.runs if run.mechanism == mechanism and run.config.seed == first)
