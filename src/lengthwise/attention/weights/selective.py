r"""Selective attention: a token can make later tokens ignore keys that are no longer needed (arXiv 2410.02703).

The first head's scores select keys: :math:`S_{ij} = [z^{(1)}_{ij}]_+`, but 0 for the token itself and for the first
token of a sequence. The selections add up, :math:`F_{ij} = \sum_{k < i} S_{kj}`, and the sum is subtracted from the
scores of all heads, :math:`\mathrm{softmax}(z - F)`.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.layout import Layout
from lengthwise.attention.traits import WeightsTraits
from lengthwise.attention.weights.carried import Carried
from lengthwise.ops.problem import at_least_float32


class Selective(Carried):
    """Softmax of scores minus a penalty on keys that earlier tokens have selected (arXiv 2410.02703).

    No parameters: the scores of the first head are the selection. Each packed document has its own first token. The
    cache holds the penalty of each key so far, and the queries, from which the penalty is recomputed after the cache
    has been cropped.
    """

    traits = WeightsTraits(
        evidence="third-party",
        bidirectional=False,  # depends on the choices of earlier tokens
        permutation_invariant=False,
    )

    def begin(self, call: Call) -> Float[Tensor, "batch keys"]:
        """Return the penalty of each key before the first query: 0."""
        return call.query.new_zeros(call.query.shape[0], call.layout.keys, dtype=at_least_float32(call.query.dtype))

    def step(
        self, rows: Call, carried: Float[Tensor, "batch all_keys"]
    ) -> tuple[Float[Tensor, "batch heads queries keys"], Float[Tensor, "batch all_keys"]]:
        """Compute the weights of a block of rows, and the penalty of each key after these rows."""
        scores, keys = rows.scores(), rows.layout.keys
        chosen = scores[:, 0].relu().masked_fill(_kept(rows.layout), 0)
        earlier = F.pad(chosen, (0, 0, 1, 0))[:, :-1].cumsum(1) + carried[:, None, :keys]
        after = carried + F.pad(chosen.sum(1), (0, carried.shape[1] - keys))
        return (scores - earlier[:, None]).softmax(-1), after


def _kept(layout: Layout) -> Tensor:
    """Return the keys that a query cannot select: itself, and the first token of a document."""
    return (layout.ahead == 0) | (layout.index == 0)[:, None]
