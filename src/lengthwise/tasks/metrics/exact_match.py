"""Exact match: of how many examples the whole answer is right."""

from jaxtyping import Bool
from torch import Tensor

from lengthwise.tasks.metrics.metric import Answered, ShareOfExamples


class ExactMatch(ShareOfExamples):
    """The share of examples with every scored token right."""

    name = "exact_match"

    def holds(self, answered: Answered) -> Bool[Tensor, " batch"]:
        """Say of each example whether all of its scored predictions are right."""
        return answered.per_example(answered.reply.right) == answered.scored.cpu()


class Accuracy(ExactMatch):
    """The share of examples answered rightly."""

    @property
    def label(self) -> str:
        """What exact match is called where an example has one answer."""
        return "accuracy"
