r"""Softpick: a rectified softmax, which can attend to nothing and so needs no sink (arXiv 2504.20966).

.. math:: p_j = \frac{\operatorname{relu}(e^{z_j} - 1)}{\sum_m |e^{z_m} - 1|}
"""

from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.traits import WeightsTraits
from lengthwise.ops import native, softpick_attention
from lengthwise.ops.softpick import reference


class Softpick(Weights):
    """Rectified softmax: only positive scores get weights, and negative scores reduce them (arXiv 2504.20966)."""

    traits = WeightsTraits(
        evidence="code",
        normalised=False,  # the sum is at most 1
        sparse=True,
        route="kernel",
    )

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values, by the compiled walk where it can attend, to more than a few queries."""
        if call.biased or not self.walks(call) or call.layout.queries <= native.FEW:
            return super().forward(call)
        return softpick_attention(call.query, call.key, call.value, document_ids=call.layout.documents)

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights by the definition."""
        return reference.picks(scores)
