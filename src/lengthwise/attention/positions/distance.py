"""What positions have in common whose bias is a function of distance alone."""

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Bias
from lengthwise.attention.precision import at_least_float32


class OfDistance(Bias):
    """A bias by head and distance: computed once for every distance, then laid along the diagonals.

    Ahead of a query, where bidirectional attention looks, the bias is that of the same distance behind it.
    """

    @abstractmethod
    def of_distance(self, distance: Float[Tensor, " distances"]) -> Float[Tensor, "heads distances"]:
        """The bias at distances from 0 on, in positions, of whole numbers in the dtype that the bias is computed in."""

    def of(self, call: Call) -> Float[Tensor, "#batch heads queries keys"]:
        """The bias of every pair."""
        layout, dtype = call.layout, at_least_float32(call.query.dtype)
        if layout.counted:
            # From the last key to the first, as the first query sees them, and on, as the last does.
            nearest = layout.start - layout.keys + 1
            distance = torch.arange(nearest, layout.start + layout.queries, dtype=dtype, device=layout.device)
            return _along_diagonals(self.of_distance(distance.abs()).flip(-1), layout.queries)[None]
        distance = layout.distance.abs()
        known = torch.arange(int(distance.max()) + 1, dtype=dtype, device=layout.device)
        return self.of_distance(known)[:, distance].transpose(0, 1)


def _along_diagonals(values: Float[Tensor, "heads distances"], queries: int) -> Float[Tensor, "heads queries keys"]:
    """Row r of the result is ``values[:, queries - 1 - r :]``, as long as keys are; views, and one repetition."""
    distances = values.shape[1]
    keys = distances - queries + 1
    # Rows of distances + 1 entries, read as rows of distances: each begins one entry earlier than the one before.
    repeated = torch.cat([values, values[:, :1]], -1)[:, None].expand(-1, queries, -1).flatten(1)
    return repeated[:, queries - 1 :][:, : queries * distances].unflatten(1, (queries, distances))[..., :keys]
