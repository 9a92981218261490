"""What was measured of each contestant, model by model: all that tables, intervals and claims are computed from."""

from collections.abc import Mapping
from dataclasses import dataclass

from lengthwise.evaluation.point import Point
from lengthwise.experiments.record import Experiment


@dataclass(frozen=True)
class Evaluated:
    """The points of one model."""

    seed: int
    """Seed of the weights, and of the training data unless they have a seed of their own."""
    learning_rate: float | None
    """Peak learning rate of the training; None if the model was trained elsewhere."""
    points: tuple[Point, ...]
    validation: Point | None = None
    """Validation at the training length at the end of the training; None if the model was trained elsewhere."""
    data_seed: int | None = None
    """Seed of the training data; None if it is the seed."""

    @property
    def pair(self) -> tuple[int, int]:
        """Both seeds: models of two mechanisms are paired by them."""
        return self.seed, self.seed if self.data_seed is None else self.data_seed


Arms = Mapping[str, tuple[Evaluated, ...]]
"""The models of each mechanism, or of another model by its name, seed by seed."""


def arms(experiment: Experiment) -> Arms:
    """Return the runs at the chosen learning rates."""
    return {
        name: tuple(
            Evaluated(
                run.config.seed,
                run.learning_rate,
                run.points,
                run.trained.validation if run.trained else None,
                run.config.data_seed,
            )
            for run in experiment.finalists(name)
        )
        for name in experiment.config.mechanisms
    }
