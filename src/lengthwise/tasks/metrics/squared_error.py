"""Squared error, the loss and the metric of forecasts."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from lengthwise.tasks.batch import Reply
from lengthwise.tasks.metrics.metric import Loss


class SquaredError(Loss):
    """The mean squared difference between the model's number and the right one (MSE)."""

    name = "squared_error"
    unit: ClassVar[str] = ""

    def losses(self, reply: Reply) -> Float[Tensor, " scored"]:
        """Compute the squared error of each scored prediction, from the only output of the model."""
        said, right = reply.numbers()
        return (said - right).square()
