r"""Stick-breaking attention: the newest key takes its share first, older keys share the rest (arXiv 2410.17980).

.. math:: p_{ij} = \sigma(z_{ij}) \prod_{j < k < i} (1 - \sigma(z_{ik})), \qquad j < i

A query does not see its own token. Recent keys come first, so no position encoding is needed.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.traits import WeightsTraits
from lengthwise.ops import stick_breaking_attention
from lengthwise.ops.stick_breaking import reference


class StickBreaking(Weights):
    """Each key, from the newest to the oldest, takes a share of the weight that newer keys left (arXiv 2410.17980).

    A query does not see its own token, so the first token of a document returns zeros. The weight that is left at the
    end is unused; some models of the authors give it to a learned vector or to the query's own value.
    """

    traits = WeightsTraits(
        evidence="code",
        bidirectional=False,  # keys are ordered from the query backwards
        normalised=False,  # the sum is at most 1
        permutation_invariant=False,
        route="kernel",
    )

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values, by the compiled walk where it can attend."""
        if call.biased or not self.walks(call):
            return super().forward(call)
        return stick_breaking_attention(call.query, call.key, call.value, document_ids=call.layout.documents)

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights by the definition."""
        if not call.layout.cross:
            scores = scores.masked_fill(call.layout.ahead == 0, -torch.inf)
        return reference.shares(scores)
