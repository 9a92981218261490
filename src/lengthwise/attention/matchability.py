r"""Matchability reweighting: cross-attention that listens to what has a match in the other set (arXiv 2505.02161).

Of two sets of features, normalised to length 1, :math:`S_{ij}` is the product of item :math:`i` of the one that asks
and item :math:`j` of the one that is read. :math:`W^1_i = \max_j S_{ij}` and :math:`W^2_j = \max_i S_{ij}` say how well
an item is matched by any of the other set. They sharpen the scores of queries that have a match, and scale values:

.. math:: z_{ij} = \frac{(1 + \alpha W^1_i)\, q_i k_j}{\sqrt{d}}, \qquad v_j \to W^2_j v_j,

with a learned :math:`\alpha`, 1 at first. The formula is from a review by a third party, which leaves open whether
:math:`\alpha` is one number; the authors' code was not found. Their layer also pools keys and values and convolves
queries, which sets without an order do not have.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.cross import CrossAttention
from lengthwise.attention.mechanism import Mechanism
from lengthwise.attention.parts import Sizes


def matchability(
    first: Float[Tensor, "batch first dim"], second: Float[Tensor, "batch second dim"]
) -> tuple[Float[Tensor, "batch first"], Float[Tensor, "batch second"]]:
    """Compute the largest cosine of each item of one set with any of the other, for both sets: from -1 to 1."""
    similar = F.normalize(first, dim=-1) @ F.normalize(second, dim=-1).mT
    return similar.amax(2), similar.amax(1)


class MatchabilityAttention(CrossAttention):
    """Cross-attention between two sets, reweighted by the matchability of queries and values (arXiv 2505.02161).

    It adds one parameter, ``alpha``.
    """

    def __init__(self, sizes: Sizes, mechanism: Mechanism, *, backend: str) -> None:
        super().__init__(sizes, mechanism, backend=backend)
        self.alpha = nn.Parameter(torch.ones(()))

    def forward(
        self, asking: Float[Tensor, "batch queries dim"], read: Float[Tensor, "batch items dim"]
    ) -> Float[Tensor, "batch queries dim"]:
        """Attend from the queries ``asking`` to all items of ``read``, by the definition."""
        return self.project(self.attend(asking, read), asking)

    def projected(
        self, asking: Float[Tensor, "batch queries dim"], read: Float[Tensor, "batch keys dim"]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute queries, keys and values as cross-attention does, and reweight queries and values."""
        query, key, value = super().projected(asking, read)
        of_query, of_value = (weight[:, None, :, None] for weight in matchability(asking, read))
        return query * (1 + self.alpha * of_query), key, value * of_value
