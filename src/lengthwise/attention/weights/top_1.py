"""Hard attention: what a trained softmax comes to at a temperature of zero."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.traits import WeightsTraits


class Top1(Weights):
    """All weight to the key with the highest score, of equal ones the first, after training with softmax.

    A model takes over the weights of one that has been trained with softmax. Queries and keys get no gradient.

    Scores are equal where they are so up to rounding: else which of two equal keys is taken would depend on where in a
    matrix they stand, as after padding.
    """

    traits = WeightsTraits(evidence="ours", sparse=True, sensitive_to_rounding=True)
    trained_as: ClassVar[str | None] = "softmax"

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """One-hot rows."""
        rounding = call.rounding(scores)
        highest = scores + rounding >= (scores - rounding).amax(-1, keepdim=True)
        first = highest.to(torch.uint8).argmax(-1, keepdim=True)  # of bools, torch promises no order
        return torch.zeros_like(scores).scatter(-1, first, 1)
