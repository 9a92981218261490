"""Exact match: the share of examples whose whole answer is right."""

from jaxtyping import Bool
from torch import Tensor

from lengthwise.tasks.metrics.metric import Answered, ShareOfExamples


class ExactMatch(ShareOfExamples):
    """The share of examples with every scored token right."""

    name = "exact_match"

    def holds(self, answered: Answered) -> Bool[Tensor, " batch"]:
        """Return True for each example whose scored predictions are all right."""
        return answered.per_example(answered.reply.right) == answered.scored.cpu()


class Accuracy(ExactMatch):
    """The share of examples answered correctly."""

    @property
    def label(self) -> str:
        """The name of exact match in reports if an example has one answer."""
        return "accuracy"
