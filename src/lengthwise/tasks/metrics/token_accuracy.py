"""Token accuracy: how many of the scored tokens are right, whichever examples they stand in."""

from torch import Tensor

from lengthwise.tasks.metrics.metric import Answered, Share


class TokenAccuracy(Share):
    """The share of scored tokens that are right, over all examples."""

    name = "token_accuracy"

    @property
    def label(self) -> str:
        """What reports call it."""
        return "accuracy per scored token"

    @property
    def axis(self) -> str:
        """The title of an axis that shows it."""
        return "accuracy (% of scored tokens)"

    def of(self, answered: Answered) -> tuple[Tensor, Tensor]:
        """Give each example's right predictions, and its scored ones."""
        return answered.per_example(answered.reply.right), answered.scored
