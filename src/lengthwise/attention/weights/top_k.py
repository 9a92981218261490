"""Top-k attention: softmax over the few highest scores, in training and after (arXiv 2506.14095)."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Evidence, Weights


class TopK(Weights):
    """Softmax over the five highest scores of each query (arXiv 2506.14095).

    The authors train with five and with nine. Keys as high as the fifth, up to rounding, are all kept with it: equal
    tokens have equal scores, and which of them rounding puts first depends on where they stand, as after padding. So
    neither the order of keys nor padding makes a difference; the authors' code picks among such ties.
    """

    evidence: ClassVar[Evidence] = "code"
    sparse: ClassVar[bool] = True
    jumps: ClassVar[bool] = True
    KEPT = 5

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """The definition; where fewer keys are visible, the softmax of them all."""
        rounding = call.rounding(scores)
        lowest = (scores.detach() - rounding).topk(min(self.KEPT, scores.shape[-1])).values[..., -1:]
        return scores.masked_fill(scores + rounding < lowest, -torch.inf).softmax(-1)
