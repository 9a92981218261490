r"""Entmax: a softmax that gives exact zeros, so that the weights of irrelevant keys cannot add up (arXiv 1905.05702).

:math:`p_j = [(\alpha - 1)\,z_j - \tau]_+^q`, :math:`q = 1 / (\alpha - 1)`, with the threshold :math:`\tau` at which the
weights sum to 1. By default :math:`\alpha = 1.5`; with 2 it is sparsemax (arXiv 1602.02068), and towards 1 it becomes
softmax.
"""

from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.traits import WeightsTraits
from lengthwise.ops.rowwise import entmax
from lengthwise.options import option


class Entmax(Weights):
    """Entmax over all visible keys (arXiv 1905.05702)."""

    traits = WeightsTraits(evidence="code", sparse=True)

    class Options(Weights.Options):
        alpha: float = option(1.5, at_least=1.01, at_most=2)
        """How sparse the weights are: 2 is sparsemax, towards 1 it becomes softmax."""

    options: Options

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights by the definition."""
        return entmax(scores, self.options.alpha)
