"""Total variation: the distance between the model's distribution and the right one."""

from typing import ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor

from lengthwise.tasks.metrics.metric import Answered, Metric


class TotalVariation(Metric):
    """Half the sum of absolute differences of probabilities, averaged over scored predictions: from 0 to 1."""

    name = "total_variation"
    unit: ClassVar[str] = ""
    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def of(self, answered: Answered) -> tuple[Tensor, Tensor]:
        """Return the sum of each example's distances, and their number.

        A right answer that is a class has the probability 1.
        """
        logits, right = next(answered.reply.pairs())
        if not right.is_floating_point():
            right = F.one_hot(right, logits.shape[1])
        distances = (logits.softmax(-1) - right).abs().sum(-1) / 2
        return answered.per_example(distances), answered.scored
