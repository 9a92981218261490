"""Token accuracy: the share of scored tokens that are right, in all examples together."""

from torch import Tensor

from lengthwise.tasks.metrics.metric import Answered, Share


class TokenAccuracy(Share):
    """The share of scored tokens that are right, over all examples."""

    name = "token_accuracy"

    @property
    def label(self) -> str:
        """The name in reports."""
        return "accuracy per scored token"

    @property
    def axis(self) -> str:
        """The title of an axis that shows the metric."""
        return "accuracy (% of scored tokens)"

    def of(self, answered: Answered) -> tuple[Tensor, Tensor]:
        """Return the number of right predictions and of scored predictions of each example."""
        return answered.per_example(answered.reply.right), answered.scored
