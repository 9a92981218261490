r"""Doubly normalised attention: no key can be explained away, that is, ignored by all queries (arXiv 2009.14308).

Scores are normalised over the queries, :math:`\xi_{ij} = e^{z_{ij}} / \sum_k e^{z_{kj}}`, then over the keys,
:math:`\xi_{ij} / \sum_j \xi_{ij}`, and the result is mixed with the softmax, head by head. In logarithms, the first
normalisation is a bias of each key: the weights are :math:`\mathrm{softmax}_j(z_{ij} - \log \sum_k e^{z_{kj}})`.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Sizes, Weights
from lengthwise.attention.rows import carried_through_rows, in_blocks_of_rows
from lengthwise.attention.traits import WeightsTraits
from lengthwise.ops.problem import at_least_float32
from lengthwise.options import Value

NOBODY = -1e30
"""Logarithm of an empty sum: minus infinity would make gradients NaN."""


class DoublyNormalised(Weights):
    """Scores normalised over queries, then over keys, and mixed with softmax (arXiv 2009.14308).

    Adds one parameter per head, whose sigmoid is the share of the double normalisation. The share starts at one half;
    the paper's value is not known. A query's weights depend on all other queries, so the part serves encoders only.
    """

    traits = WeightsTraits(evidence="memory", causal=False)

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        self.share = nn.Parameter(torch.zeros(sizes.heads))

    def probabilities(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights of all queries; ``call`` must be the whole call, not a block of its rows."""
        return self._mixed(call, _attention_received(call))

    def newest(self, call: Call) -> Float[Tensor, "batch heads 1 keys"]:
        """Compute the weights of the last query, normalised over all queries."""
        last = call.rows(call.layout.queries - 1, call.layout.queries)
        return self._mixed(last, self._received_in_blocks(call))

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values in two passes over the rows; dropout acts on the weights, in training only."""
        if self.backend == "reference":
            return call.attend(self.dropped(self.probabilities(call)))
        received = self._received_in_blocks(call)

        def block(start: int, stop: int) -> Tensor:
            rows = call.rows(start, stop)
            return rows.attend(self.dropped(self._mixed(rows, received)))

        return in_blocks_of_rows(block, call.layout, self.row_entries(call))

    def _mixed(self, rows: Call, received: Float[Tensor, "batch heads keys"]) -> Tensor:
        scores, share = rows.scores(), self.share.sigmoid()[:, None, None]
        return share * (scores - received[:, :, None]).softmax(-1) + (1 - share) * scores.softmax(-1)

    def _received_in_blocks(self, call: Call) -> Float[Tensor, "batch heads keys"]:
        def block(start: int, stop: int, received: Tensor) -> tuple[Tensor, Tensor]:
            rows = call.rows(start, stop)
            return rows.query[..., :0], torch.logaddexp(received, _attention_received(rows))

        compute, shape = at_least_float32(call.query.dtype), (*call.query.shape[:2], call.layout.keys)
        nothing = call.query.new_full(shape, NOBODY, dtype=compute)
        return carried_through_rows(block, call.layout, self.row_entries(call), nothing)[1]


def _attention_received(rows: Call) -> Float[Tensor, "batch heads keys"]:
    """Compute for each key the logarithm of the sum of ``e^z`` over the given queries."""
    scores = rows.scores()
    return scores.masked_fill(scores == -torch.inf, NOBODY).logsumexp(2)
