r"""Softpick: a rectified softmax, which may attend to nothing and so needs no sink (arXiv 2504.20966).

.. math:: p_j = \frac{\operatorname{relu}(e^{z_j} - 1)}{\sum_m |e^{z_m} - 1|}
"""

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.traits import WeightsTraits


class Softpick(Weights):
    """Weights for positive scores alone, rectified softmax; negative ones take away from them (arXiv 2504.20966)."""

    traits = WeightsTraits(
        evidence="code",
        normalised=False,  # to at most 1
        sparse=True,
    )
    EPS = 1e-8
    LARGE = 40.0
    """A score beside whose ``e^z`` one of 0 is nothing."""

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """The definition, numerator and denominator over ``e^shift``, where else they would overflow."""
        shift = (scores.detach().amax(-1, keepdim=True) - self.LARGE).clamp(min=0)
        excess = (scores - shift).expm1_() - torch.expm1(-shift)
        excess = excess.masked_fill_(scores == -torch.inf, 0)
        return excess.relu() / (excess.abs().sum(-1, keepdim=True) + self.EPS)
