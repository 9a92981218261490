"""Where the variance over runs comes from, if seeds of the weights are crossed with seeds of the data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lengthwise.analysis.arms import Arms, Evaluated
from lengthwise.analysis.design import Design
from lengthwise.analysis.grids import known
from lengthwise.statistics.crossed import components


@dataclass(frozen=True)
class Variance:
    """Standard deviations of the main metric over the runs of a mechanism on one split at one length (its unit)."""

    mechanism: str
    split: str
    length: int
    weights: float
    """Standard deviation that the seed of the weights contributes."""
    data: float
    """Standard deviation that the seed of the training data contributes."""
    rest: float
    """Standard deviation of what is left: the two seeds together, and the limited number of examples."""


def variances(arms: Arms, design: Design) -> tuple[Variance, ...]:
    """Separate the variances wherever all crossed runs have the point; empty if no seeds are crossed."""
    if design.crossed is None or min(design.crossed) < 2:
        return ()
    return tuple(
        found
        for split in design.splits
        for name in design.mechanisms
        for length in design.lengths
        if (found := _variance(arms[name], name, split, length, design, design.crossed)) is not None
    )


def _variance(
    models: Sequence[Evaluated], name: str, split: str, length: int, design: Design, crossed: tuple[int, int]
) -> Variance | None:
    values = [
        point.values[design.main.name].value
        for model in sorted(models, key=lambda model: model.pair)
        for point in model.points
        if (point.split, point.length) == (split, length) and known(point, design.main)
    ]
    if len(values) != crossed[0] * crossed[1]:
        return None
    return Variance(name, split, length, *components(np.array(values).reshape(crossed)).deviations)
