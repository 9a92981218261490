"""Cross-entropy, the loss of every task that says nothing of its loss."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.tasks.batch import Reply
from lengthwise.tasks.metrics.metric import Loss


class CrossEntropy(Loss):
    """The mean cross-entropy of the scored predictions, and of their marks where the model predicts these."""

    name = "loss"
    unit: ClassVar[str] = "nats"

    @property
    def label(self) -> str:
        """What reports call it."""
        return "cross-entropy"

    def losses(self, reply: Reply) -> Float[Tensor, " scored"]:
        """Compute the cross-entropy of each scored prediction in nats, summed over all that is predicted there."""
        return torch.stack([F.cross_entropy(*pair, reduction="none") for pair in reply.pairs()]).sum(0)
