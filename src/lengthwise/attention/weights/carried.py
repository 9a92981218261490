"""Weights whose rows depend on the rows before them."""

from abc import abstractmethod
from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.rows import carried_through_rows


class Carried(Weights):
    """Base of the weights parts that carry a tensor from row to row, with one entry for each key along its last axis.

    The cache holds the tensor, and the queries, from which it is recomputed after the cache has been cropped.
    """

    STATE = "carried"

    @abstractmethod
    def begin(self, call: Call) -> Float[Tensor, "batch *axes keys"]:
        """Return what the first row is given."""

    @abstractmethod
    def step(
        self, rows: Call, carried: Float[Tensor, "batch *axes all_keys"]
    ) -> tuple[Float[Tensor, "batch heads queries keys"], Float[Tensor, "batch *axes all_keys"]]:
        """Compute the weights of a block of rows, and what is carried after the block."""

    def probabilities(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights of all queries; ``call`` must be the whole call, not a block of its rows."""
        return self.step(call, self._before(call))[0]

    def newest(self, call: Call) -> Float[Tensor, "batch heads 1 keys"]:
        """Compute the weights of the last query alone, after a pass over the other queries."""
        last, carried = call.layout.queries - 1, self._before(call)
        if last:
            carried = self._after(call, last, carried)
        return self.step(call.rows(last, last + 1), carried)[0]

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values; dropout acts on the weights, in training only."""

        def block(start: int, stop: int, carried: Tensor) -> tuple[Tensor, Tensor]:
            rows = call.rows(start, stop)
            weights, carried = self.step(rows, carried)
            return rows.attend(self.dropped(weights)), carried

        carried = self._before(call)
        if self.backend == "reference":
            attended, carried = block(0, call.layout.queries, carried)
        else:
            attended, carried = carried_through_rows(block, call.layout, self.row_entries(call), carried)
        if call.cache is not None:
            call.cache.state[self.STATE] = carried
        return attended

    def _before(self, call: Call) -> Tensor:
        """Return what is carried to the first query of the call, which may follow queries of earlier calls."""
        carried = self.begin(call)
        if call.cache is None:
            return carried
        query, before = call.cache.extend("query", call.query, axis=2), call.layout.start
        if self.STATE in call.cache.state:
            carried[..., :before] = call.cache.state[self.STATE]
        elif before:
            layout = replace(call.layout, queries=call.layout.keys)
            hidden = call.hidden.new_empty(len(query), layout.keys, 0)  # the cache does not hold it for earlier queries
            carried = self._after(replace(call, hidden=hidden, query=query, layout=layout), before, carried)
        return carried

    def _after(self, call: Call, rows: int, carried: Tensor) -> Tensor:
        """Return what is carried after the first ``rows`` queries."""

        def block(start: int, stop: int, carried: Tensor) -> tuple[Tensor, Tensor]:
            return call.query[:, :, start:stop, :0], self.step(call.rows(start, stop), carried)[1]

        return carried_through_rows(block, call.layout.rows(0, rows), self.row_entries(call), carried)[1]
