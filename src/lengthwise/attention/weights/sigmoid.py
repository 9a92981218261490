r"""Sigmoid attention: each key is weighed for itself (arXiv 2409.04431).

:math:`p_j = \sigma(z_j - \log n)`, over :math:`n` keys. With scores near 0 the weights sum to about 1, as those of a
softmax do.
"""

from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.traits import WeightsTraits
from lengthwise.attention.weights.log_n import log_seen


class Sigmoid(Weights):
    """The sigmoid of each score less log n, over n visible keys; no key takes from another (arXiv 2409.04431).

    The authors' n is the length of training sequences, one number for all queries; here each query has its own, so that
    the sum keeps its size at every position and every length.
    """

    traits = WeightsTraits(evidence="code", normalised=False)

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """The definition."""
        return (scores - log_seen(call)).sigmoid()
