"""The base of position parts whose bias is a function of distance alone."""

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Bias
from lengthwise.ops.problem import at_least_float32


class OfDistance(Bias):
    """A bias per head and distance, computed once for every distance, then copied along the diagonals.

    In bidirectional attention, a key ahead of the query has the bias of a key at the same distance behind it.
    """

    @abstractmethod
    def of_distance(self, distance: Float[Tensor, " distances"]) -> Float[Tensor, "heads distances"]:
        """Compute the bias at distances, which are whole numbers from 0 on in the dtype of the bias [positions]."""

    def by_distance(self, call: Call) -> Float[Tensor, "heads keys"] | None:
        """Compute the bias at every distance, if a token's position is its index in its document."""
        if call.layout.positions is not None:
            return None
        dtype = at_least_float32(call.query.dtype)
        return self.of_distance(torch.arange(call.layout.keys, dtype=dtype, device=call.query.device))

    def of(self, call: Call) -> Float[Tensor, "#batch heads queries keys"]:
        """Compute the bias of every pair of query and key."""
        layout, dtype = call.layout, at_least_float32(call.query.dtype)
        if layout.counted:
            # From the last key as seen by the first query to the first key as seen by the last query.
            nearest = layout.start - layout.keys + 1
            distance = torch.arange(nearest, layout.start + layout.queries, dtype=dtype, device=layout.device)
            return _along_diagonals(self.of_distance(distance.abs()).flip(-1), layout.queries)[None]
        distance = layout.distance.abs()
        known = torch.arange(int(distance.max()) + 1, dtype=dtype, device=layout.device)
        return self.of_distance(known)[:, distance].transpose(0, 1)


def _along_diagonals(values: Float[Tensor, "heads distances"], queries: int) -> Float[Tensor, "heads queries keys"]:
    """Return rows of which row r is the first ``keys`` entries of ``values[:, queries - 1 - r :]``, with one copy."""
    distances = values.shape[1]
    keys = distances - queries + 1
    # Rows of distances + 1 entries, read as rows of distances entries: each row begins one entry earlier than the last.
    repeated = torch.cat([values, values[:, :1]], -1)[:, None].expand(-1, queries, -1).flatten(1)
    return repeated[:, queries - 1 :][:, : queries * distances].unflatten(1, (queries, distances))[..., :keys]
