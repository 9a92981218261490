"""Perplexity: the exponential of the mean cross-entropy."""

from typing import ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor

from lengthwise.statistics.estimate import exponential
from lengthwise.tasks.metrics.metric import Answered, Metric


class Perplexity(Metric):
    """The exponential of the mean cross-entropy of the scored tokens: the number of tokens that are equally likely."""

    name = "perplexity"
    unit: ClassVar[str] = ""
    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def of(self, answered: Answered) -> tuple[Tensor, Tensor]:
        """Return the sum of each example's cross-entropies [nats], and their number."""
        logits, right = next(answered.reply.pairs())
        return answered.per_example(F.cross_entropy(logits, right, reduction="none")), answered.scored

    def value(self, ratio: float) -> float:
        """Return the exponential."""
        return exponential(ratio)
