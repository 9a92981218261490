"""Cross-entropy, the default loss of a task."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.tasks.batch import Reply
from lengthwise.tasks.metrics.metric import Loss


class CrossEntropy(Loss):
    """The mean cross-entropy of the scored predictions, plus that of their marks if the model predicts marks."""

    name = "loss"
    unit: ClassVar[str] = "nats"

    @property
    def label(self) -> str:
        """The name in reports."""
        return "cross-entropy"

    def losses(self, reply: Reply) -> Float[Tensor, " scored"]:
        """Compute the cross-entropy of each scored prediction, summed over token and mark [nats]."""
        return torch.stack([F.cross_entropy(*pair, reduction="none") for pair in reply.pairs()]).sum(0)
