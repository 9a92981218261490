r"""Softpick: a rectified softmax, which can attend to nothing and so needs no sink (arXiv 2504.20966).

.. math:: p_j = \frac{\operatorname{relu}(e^{z_j} - 1)}{\sum_m |e^{z_m} - 1|}
"""

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.traits import WeightsTraits


class Softpick(Weights):
    """Rectified softmax: only positive scores get weights, and negative scores reduce them (arXiv 2504.20966)."""

    traits = WeightsTraits(
        evidence="code",
        normalised=False,  # the sum is at most 1
        sparse=True,
    )
    EPS = 1e-8
    LARGE = 40.0
    """A score so large that 1 is negligible beside its ``e^z``."""

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights by the definition, with the fraction reduced by ``e^shift`` against overflow."""
        shift = (scores.detach().amax(-1, keepdim=True) - self.LARGE).clamp(min=0)
        excess = (scores - shift).expm1_() - torch.expm1(-shift)
        excess = excess.masked_fill_(scores == -torch.inf, 0)
        return excess.relu() / (excess.abs().sum(-1, keepdim=True) + self.EPS)
