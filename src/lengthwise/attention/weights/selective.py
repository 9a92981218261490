r"""Selective attention: a token can make later tokens ignore keys that are no longer needed (arXiv 2410.02703).

The first head's scores select keys: :math:`S_{ij} = [z^{(1)}_{ij}]_+`, but 0 for the token itself and for the first
token of a sequence. The selections add up, :math:`F_{ij} = \sum_{k < i} S_{kj}`, and the sum is subtracted from the
scores of all heads, :math:`\mathrm{softmax}(z - F)`.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.layout import Layout
from lengthwise.attention.parts import Weights
from lengthwise.attention.rows import carried_through_rows
from lengthwise.attention.traits import WeightsTraits


class Selective(Weights):
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
    STATE = "taken_off"

    def probabilities(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights of all queries; ``call`` must be the whole call, not a block of its rows."""
        return self._scores(call, self._taken_before(call))[0].softmax(-1)

    def newest(self, call: Call) -> Float[Tensor, "batch heads 1 keys"]:
        """Compute the weights of the last query alone, after a pass over the other queries for their penalties."""
        last, taken = call.layout.queries - 1, self._taken_before(call)
        if last:
            taken = self._taken_after(call, last, taken)
        return self._scores(call.rows(last, last + 1), taken)[0].softmax(-1)

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values; dropout acts on the weights, in training only."""

        def block(start: int, stop: int, taken: Tensor) -> tuple[Tensor, Tensor]:
            rows = call.rows(start, stop)
            scores, taken = self._scores(rows, taken)
            return rows.attend(self.dropped(scores.softmax(-1))), taken

        taken = self._taken_before(call)
        if self.backend == "reference":
            attended, taken = block(0, call.layout.queries, taken)
        else:
            attended, taken = carried_through_rows(block, call.layout, self.row_entries(call), taken)
        if call.cache is not None:
            call.cache.state[self.STATE] = taken
        return attended

    def _scores(self, rows: Call, taken: Float[Tensor, "batch all_keys"]) -> tuple[Tensor, Tensor]:
        """Compute the scores of a block of rows minus the penalties, and the penalties after these rows."""
        scores, keys = rows.scores(), rows.layout.keys
        chosen = scores[:, 0].relu().masked_fill(_kept(rows.layout), 0)
        earlier = F.pad(chosen, (0, 0, 1, 0))[:, :-1].cumsum(1) + taken[:, None, :keys]
        return scores - earlier[:, None], taken + F.pad(chosen.sum(1), (0, taken.shape[1] - keys))

    def _taken_before(self, call: Call) -> Float[Tensor, "batch keys"]:
        """Return the penalty of each key from the queries of earlier calls."""
        compute = torch.promote_types(call.query.dtype, torch.float32)
        taken = call.query.new_zeros(call.query.shape[0], call.layout.keys, dtype=compute)
        if call.cache is None:
            return taken
        query, before = call.cache.extend("query", call.query, axis=2), call.layout.start
        if self.STATE in call.cache.state:
            taken[:, :before] = call.cache.state[self.STATE]
        elif before:
            layout = replace(call.layout, queries=call.layout.keys)
            hidden = call.hidden.new_empty(len(query), layout.keys, 0)  # the cache does not hold it for earlier queries
            taken = self._taken_after(replace(call, hidden=hidden, query=query, layout=layout), before, taken)
        return taken

    def _taken_after(self, call: Call, rows: int, taken: Float[Tensor, "batch keys"]) -> Float[Tensor, "batch keys"]:
        """Return the penalties ``taken`` plus those of the first ``rows`` queries."""

        def block(start: int, stop: int, taken: Tensor) -> tuple[Tensor, Tensor]:
            return call.query[:, :, start:stop, :0], self._scores(call.rows(start, stop), taken)[1]

        return carried_through_rows(block, call.layout.rows(0, rows), self.row_entries(call), taken)[1]


def _kept(layout: Layout) -> Tensor:
    """Return the keys that a query cannot select: itself, and the first token of a document."""
    return (layout.ahead == 0) | (layout.index == 0)[:, None]
