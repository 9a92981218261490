r"""Stick-breaking attention: the newest key takes its share first, and the next one of what is left (arXiv 2410.17980).

.. math:: p_{ij} = \sigma(z_{ij}) \prod_{j < k < i} (1 - \sigma(z_{ik})), \qquad j < i

A query does not see its own token, and recent keys go before: no position encoding is needed.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.traits import WeightsTraits


class StickBreaking(Weights):
    """Each key, from the newest on, takes a share of what the newer ones have left (arXiv 2410.17980).

    A query does not see its own token: the first of a document returns zeros. What is left at the end goes nowhere;
    models of the authors give it to a learned vector or to the query's own value.
    """

    traits = WeightsTraits(
        evidence="code",
        bidirectional=False,  # it goes from the query backwards
        normalised=False,  # to at most 1
        permutation_invariant=False,
    )

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """The definition, by logarithms; a share is what is left times ``e^z``."""
        if not call.layout.cross:
            scores = scores.masked_fill(call.layout.ahead == 0, -torch.inf)
        left = F.logsigmoid(-scores)  # by each key of what it found; by a hidden one all, which is 0
        logarithm = scores + left.flip(-1).cumsum(-1).flip(-1)
        return logarithm.mul_(1 / math.log(2)).exp2()  # most are next to 0, where exp takes 50 times as long
