r"""Sigmoid attention: each key's weight is independent of the other keys (arXiv 2409.04431).

:math:`p_j = \sigma(z_j - \log n)`, over :math:`n` keys. With scores near 0, the weights sum to about 1, like the
weights of a softmax.
"""

from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.traits import WeightsTraits
from lengthwise.attention.weights.log_n import log_seen
from lengthwise.ops import native, sigmoid_attention


class Sigmoid(Weights):
    """Sigmoid of each score minus log n, over n visible keys; keys do not compete (arXiv 2409.04431).

    The authors' n is the length of training sequences, the same for all queries; here each query has its own n, so that
    the sum keeps its size at every position and every length.
    """

    traits = WeightsTraits(evidence="code", normalised=False, route="kernel")

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values, by the compiled walk where it can attend, to more than a few queries."""
        if call.biased or not self.walks(call) or call.layout.queries <= native.FEW:
            return super().forward(call)
        offset, documents = -log_seen(call)[..., 0], call.layout.documents
        return sigmoid_attention(call.query, call.key, call.value, offset, document_ids=documents)

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights by the definition."""
        return (scores - log_seen(call)).sigmoid()
