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
from lengthwise.ops import entmax_attention, native
from lengthwise.ops.rowwise import entmax
from lengthwise.options import option


class Entmax(Weights):
    """Entmax over all visible keys (arXiv 1905.05702)."""

    traits = WeightsTraits(evidence="code", sparse=True, route="kernel")

    class Options(Weights.Options):
        alpha: float = option(1.5, at_least=1.01, at_most=2)
        """How sparse the weights are: 2 is sparsemax, towards 1 it becomes softmax."""

    options: Options

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values, by the compiled walk where it can attend, to more than a few queries."""
        if self.options.alpha != 1.5 or not self.walks(call) or call.layout.queries <= native.FEW:
            return super().forward(call)
        bias = call.bias.by_distance(call) if call.bias and call.biased else None
        if call.biased and (bias is None or bias.shape[0] != call.query.shape[1]):
            return super().forward(call)
        return entmax_attention(self.sharpen(call), call.key, call.value, bias, document_ids=call.layout.documents)

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights by the definition."""
        return entmax(scores, self.options.alpha)
