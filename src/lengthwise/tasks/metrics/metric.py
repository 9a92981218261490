"""The base of metrics: two numbers for each example, and their combination into one number with an interval.

A metric is a ratio of sums over examples. For exact match, each example counts 1 or 0 out of 1; for token accuracy, its
right tokens out of its scored tokens; perplexity is the exponential of a ratio, the mean loss.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal, NamedTuple, final

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.statistics.bootstrap import ratio, share
from lengthwise.statistics.estimate import Estimate, wilson
from lengthwise.tasks.batch import Batch, Reply


class Answered(NamedTuple):
    """A batch with a model's answers."""

    batch: Batch
    reply: Reply
    """The model's scored predictions, example by example."""
    heaviest: Int[Tensor, " batch"] | None
    """Index of the key with the largest weight of the last query in the last layer, summed over heads; None if the
    model has no attention layer of this package."""

    def placed(self, values: Shaped[Tensor, " scored"], *, fill: int | bool) -> Shaped[Tensor, "batch places"]:
        """Put the values of the scored predictions at their places, and ``fill`` elsewhere, on the CPU."""
        scored = self.batch.scored.cpu()
        placed = torch.full(scored.shape, fill, dtype=values.dtype, device="cpu")
        placed[scored] = values.detach().cpu()
        return placed

    def per_example(self, values: Shaped[Tensor, " scored"]) -> Float[Tensor, " batch"]:
        """Sum the values of the scored predictions over each example, in float64 on the CPU."""
        return self.placed(values.double(), fill=0).sum(1)

    @property
    def scored(self) -> Int[Tensor, " batch"]:
        """The number of scored predictions of each example."""
        return self.batch.scored.sum(1)


class Metric(ABC):
    """Base of every metric. A metric has no state; reports print the first line of its docstring."""

    name: ClassVar[str]
    """Name in files, one word: exact_match."""
    unit: ClassVar[str]
    """% for shares from 0 to 1, otherwise the unit of the metric's numbers, such as nats; empty without a unit."""
    better: ClassVar[Literal["higher", "lower"]]
    """Direction in which numbers are better."""

    @property
    def label(self) -> str:
        """The name in reports; by default, derived from the metric's name."""
        return self.name.replace("_", " ")

    @property
    def measure(self) -> str:
        """The unit in words, as in *% of examples*; by default, the unit."""
        return self.unit

    @property
    def axis(self) -> str:
        """The title of an axis that shows the metric."""
        return f"{self.label} ({self.measure})" if self.measure else self.label

    @property
    def interval(self) -> str:
        """The kind of the metric's interval, in words."""
        return "95 % interval over examples, by bootstrap"

    @abstractmethod
    def of(self, answered: Answered) -> tuple[Shaped[Tensor, " batch"], Shaped[Tensor, " batch"]]:
        """Compute each example's numerator and weight; the metric is the ratio of their sums."""

    def value(self, ratio: float) -> float:
        """Turn the ratio of the sums into the metric's number, by an increasing function; by default, the identity."""
        return ratio

    def estimate(self, numerators: np.ndarray, weights: np.ndarray) -> Estimate:
        """Compute the metric and its 95 % interval from the arrays of :meth:`of`, (examples,) float64 each.

        The interval is a bootstrap over examples; fewer than five examples have no interval.
        """
        found = ratio(numerators, weights)
        return Estimate(*(self.value(number) for number in (found.value, found.low, found.high)))

    @final
    def ahead(self, mine: float, theirs: float) -> float:
        """Return by how much ``mine`` is better than ``theirs``, in the metric's unit; negative if it is worse."""
        return mine - theirs if self.better == "higher" else theirs - mine


def check_metric(metric: Metric, called: str) -> None:
    """Refuse a metric that lacks an attribute that every metric has; ``called`` begins the error's sentence.

    Raises:
        InputError: if the metric lacks an attribute, or its name or direction is not valid.
    """
    missing = [member for member in Metric.__annotations__ if not hasattr(metric, member)]
    if missing:
        raise InputError(f"{called} has no {missing[0]!r}, which Metric explains.")
    if not metric.name.isidentifier() or metric.better not in ("higher", "lower"):
        raise InputError(
            f"{called} has the name {metric.name!r} and says that {metric.better!r} is better; a name is one word, as "
            "in edit_distance, and better is 'higher' or 'lower'."
        )


class Share(Metric):
    """Base of metrics that are shares, from 0 to 1."""

    unit: ClassVar[str] = "%"
    better: ClassVar[Literal["higher", "lower"]] = "higher"

    def estimate(self, numerators: np.ndarray, weights: np.ndarray) -> Estimate:
        """Do as :meth:`Metric.estimate` for any number of examples; if all are alike, use Wilson's interval."""
        return share(numerators, weights)


class ShareOfExamples(Share):
    """Base of metrics that count examples, each fully or not at all."""

    @property
    def measure(self) -> str:
        """The unit in words."""
        return "% of examples"

    @property
    def interval(self) -> str:
        """The kind of the metric's interval, in words."""
        return "95 % Wilson interval over examples"

    @abstractmethod
    def holds(self, answered: Answered) -> Bool[Tensor, " batch"]:
        """Return True for each example that counts."""

    def of(self, answered: Answered) -> tuple[Tensor, Tensor]:
        """Return 1 or 0, and the weight 1, for each example."""
        counts = self.holds(answered)
        return counts, torch.ones_like(counts)

    def estimate(self, numerators: np.ndarray, weights: np.ndarray) -> Estimate:
        """Compute the share and Wilson's interval; where examples come in documents, the interval of any share."""
        if (weights == 1).all():
            return wilson(int(numerators.sum()), len(weights))
        return super().estimate(numerators, weights)


class Loss(Metric):
    """Base of losses, which training minimises; the metric is the mean over scored predictions."""

    better: ClassVar[Literal["higher", "lower"]] = "lower"

    @abstractmethod
    def losses(self, reply: Reply) -> Float[Tensor, " scored"]:
        """Compute the loss of each scored prediction, differentiably."""

    def of(self, answered: Answered) -> tuple[Tensor, Tensor]:
        """Return the sum of each example's losses, and their number."""
        return answered.per_example(self.losses(answered.reply)), answered.scored
