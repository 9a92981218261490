"""Absolute error, the loss and the metric of answers that are numbers."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from lengthwise.tasks.batch import Reply
from lengthwise.tasks.metrics.metric import Loss


class AbsoluteError(Loss):
    """The mean absolute difference between the model's number and the right one (L1)."""

    name = "absolute_error"
    unit: ClassVar[str] = ""

    def losses(self, reply: Reply) -> Float[Tensor, " scored"]:
        """Compute the absolute error of each scored prediction, from the only output of the model."""
        said, right = reply.numbers()
        return (said - right).abs()
