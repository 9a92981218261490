"""What a metric is: two numbers for each example, and how these make one number with an interval.

A metric is a ratio of sums over examples. For exact match, each example counts 1 or 0 of 1; for the accuracy of tokens,
its right tokens of its scored ones; perplexity is the exponential of such a ratio, the mean loss.
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
    """A batch that a model has answered."""

    batch: Batch
    reply: Reply
    """What the model predicts where it is scored, example by example."""
    heaviest: Int[Tensor, " batch"]
    """Index of the heaviest key of each example in the last layer: that of the last query, summed over heads."""

    def per_example(self, values: Shaped[Tensor, " scored"]) -> Float[Tensor, " batch"]:
        """Sum a number for each scored prediction over the predictions of each example, in float64 on the CPU."""
        scored = self.batch.scored.cpu()
        placed = torch.zeros(scored.shape, dtype=torch.float64, device="cpu")
        placed[scored] = values.detach().cpu().double()
        return placed.sum(1)

    @property
    def scored(self) -> Int[Tensor, " batch"]:
        """The number of scored predictions of each example."""
        return self.batch.scored.sum(1)


class Metric(ABC):
    """Base of every metric. It has no state; the first line of its docstring stands on the page of a report."""

    name: ClassVar[str]
    """As files call it, in one word: exact_match."""
    unit: ClassVar[str]
    """%, of a share from 0 to 1; else that of its numbers, as in nats; empty where they have none."""
    better: ClassVar[Literal["higher", "lower"]]
    """Which numbers are better."""

    @property
    def label(self) -> str:
        """What reports call it: by default its name."""
        return self.name.replace("_", " ")

    @property
    def measure(self) -> str:
        """What its numbers count, as in *% of examples*: by default its unit."""
        return self.unit

    @property
    def axis(self) -> str:
        """The title of an axis that shows it."""
        return f"{self.label} ({self.measure})" if self.measure else self.label

    @property
    def interval(self) -> str:
        """What its interval is, in words."""
        return "95 % interval over examples, by bootstrap"

    @abstractmethod
    def of(self, answered: Answered) -> tuple[Shaped[Tensor, " batch"], Shaped[Tensor, " batch"]]:
        """Give each example's numerator and its weight; the metric is the ratio of their sums."""

    def value(self, ratio: float) -> float:
        """Turn the ratio of the sums into the metric's number, by a function that rises: by default, itself."""
        return ratio

    def estimate(self, numerators: np.ndarray, weights: np.ndarray) -> Estimate:
        """Make the metric's number and its 95 % interval of what :meth:`of` gave, (examples,) of float64 each.

        The interval is a bootstrap over examples, and there is none over fewer than five.
        """
        found = ratio(numerators, weights)
        return Estimate(*(self.value(number) for number in (found.value, found.low, found.high)))

    @final
    def ahead(self, mine: float, theirs: float) -> float:
        """Give by how much one number is better than another, in the metric's unit; less than 0 where it is worse."""
        return mine - theirs if self.better == "higher" else theirs - mine


def check_metric(metric: Metric, called: str) -> None:
    """Refuse a metric that lacks what every metric has; ``called`` begins the sentence.

    Raises:
        InputError: if that is so.
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
        """As :meth:`Metric.estimate`, but over any number of examples; where all are alike, by Wilson's interval."""
        return share(numerators, weights)


class ShareOfExamples(Share):
    """Base of metrics that count examples: each counts or does not."""

    @property
    def measure(self) -> str:
        """What its numbers count."""
        return "% of examples"

    @property
    def interval(self) -> str:
        """What its interval is, in words."""
        return "95 % Wilson interval over examples"

    @abstractmethod
    def holds(self, answered: Answered) -> Bool[Tensor, " batch"]:
        """Say of each example whether it counts."""

    def of(self, answered: Answered) -> tuple[Tensor, Tensor]:
        """Give 1 or 0 of 1 for each example."""
        counts = self.holds(answered)
        return counts, torch.ones_like(counts)

    def estimate(self, numerators: np.ndarray, weights: np.ndarray) -> Estimate:
        """Make the share and Wilson's interval."""
        return wilson(int(numerators.sum()), len(weights))


class Loss(Metric):
    """Base of losses, which training minimises; the metric is the mean over scored predictions."""

    better: ClassVar[Literal["higher", "lower"]] = "lower"

    @abstractmethod
    def losses(self, reply: Reply) -> Float[Tensor, " scored"]:
        """Compute the loss of each scored prediction, differentiably."""

    def of(self, answered: Answered) -> tuple[Tensor, Tensor]:
        """Give the sum of each example's losses, and their number."""
        return answered.per_example(self.losses(answered.reply)), answered.scored
