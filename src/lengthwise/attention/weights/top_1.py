"""Hard attention: the limit of a trained softmax at a temperature of zero."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.traits import WeightsTraits


class Top1(Weights):
    """All weight on the key with the highest score (the first of ties), applied to models trained with softmax.

    The model uses the parameters of a model trained with softmax. Queries and keys get no gradient. Scores that differ
    by no more than rounding are ties; otherwise the choice between two equal keys would depend on their places in a
    matrix, for example after padding.
    """

    traits = WeightsTraits(evidence="ours", sparse=True, sensitive_to_rounding=True)
    trained_as: ClassVar[str | None] = "softmax"

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Return one-hot rows."""
        rounding = call.rounding(scores)
        highest = scores + rounding >= (scores - rounding).amax(-1, keepdim=True)
        first = highest.to(torch.uint8).argmax(-1, keepdim=True)  # torch promises no order for bools
        return torch.zeros_like(scores).scatter(-1, first, 1)
