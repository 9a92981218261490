r"""Reguformer: softmax for the few most selective queries, or over the few most sought keys (arXiv 2212.14246).

With :math:`u = c \lceil \ln n \rceil` over n tokens, by default :math:`c = 5`, the u queries with the largest measure
:math:`M_i = \max_j z_{ij} - \sum_j z_{ij} / n` attend, and the others get the mean of all values; or all queries attend
to the u keys with the largest :math:`M_j = \max_i z_{ij} - \sum_i z_{ij} / n`; or both. Queries and keys may also be
chosen at random.

In causal attention nothing looks ahead: a query competes with the queries before it, a key is measured by the queries
that have seen it so far, and n counts the tokens up to the query.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Sizes
from lengthwise.attention.rows import carried_through_rows
from lengthwise.attention.traits import WeightsTraits
from lengthwise.attention.weights.carried import Carried
from lengthwise.ops.problem import at_least_float32
from lengthwise.options import Value, option


class Reguformer(Carried):
    """Softmax for few queries or over few keys, chosen by a measure or at random (arXiv 2212.14246).

    No parameters. ``queries=top`` is the authors' topQ, ``keys=top,queries=all`` topK, and so on for randQ, randK and
    the pairs. The authors encode whole sequences, and measure by a random sample of keys or queries, to save time; here
    the measure takes all that the mask shows, so that no result depends on a draw. For the same reason, random choices
    are drawn once for each index in a document, not at each step. So the part saves no time. Those that tie up to
    rounding are chosen together. Where the authors' code has a causal mask, a query that is not chosen gets the sum of
    the values so far; here it gets their mean, as in an encoder.
    """

    traits = WeightsTraits(
        evidence="code",
        cross=False,  # a single query has no others to compete with, and measures all keys alike
        sparse=True,
        permutation_invariant=False,
        sensitive_to_rounding=True,
    )

    class Options(Carried.Options):
        queries: str = option("top", among=("all", "top", "random"))
        """Which queries attend."""
        keys: str = option("all", among=("all", "top", "random"))
        """Which keys a query attends to."""
        factor: float = option(5, above=0)
        """c: how many queries or keys are chosen, in units of the logarithm of the number of tokens."""

    options: Options

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        self.layer = sizes.layer

    def begin(self, call: Call) -> Float[Tensor, "batch 3 heads keys"]:
        """Return what is measured before the first query or, where a query can look ahead, in the whole sequence.

        It is the measure of each token's query, the highest of its key's scores, and their sum.
        """
        batch, heads = call.query.shape[:2]
        measured = call.query.new_zeros(batch, 3, heads, call.layout.keys, dtype=at_least_float32(call.query.dtype))
        measured[:, 1] = -torch.inf
        if call.layout.causal:
            return measured

        def block(start: int, stop: int, measured: Tensor) -> tuple[Tensor, Tensor]:
            rows = call.rows(start, stop)
            return rows.query[..., :0], _measured(rows, rows.scores(), measured)

        with torch.no_grad():
            return carried_through_rows(block, call.layout, self.row_entries(call), measured)[1]

    def step(
        self, rows: Call, carried: Float[Tensor, "batch 3 heads all_keys"]
    ) -> tuple[Float[Tensor, "batch heads queries keys"], Float[Tensor, "batch 3 heads all_keys"]]:
        """Compute the weights of a block of rows, and what is measured after these rows."""
        scores, visible, number = rows.scores(), rows.layout.visible(), rows.layout.seen[:, None, :, None]
        with torch.no_grad():
            number = number.to(scores.dtype)
            chosen = (self.options.factor * number.log().ceil()).ceil().clamp(min=1)
            after = _measured(rows, scores, carried) if rows.layout.causal else carried
            kept = self._chosen_keys(rows, scores, carried, chosen)
            attends = self._chosen_queries(rows, scores, after, chosen)
        weights = scores.masked_fill(~kept, -torch.inf).softmax(-1)
        return torch.where(attends, weights, visible / number), after

    def _chosen_keys(
        self, rows: Call, scores: Tensor, measured: Tensor, chosen: Tensor
    ) -> Bool[Tensor, "#batch #heads queries keys"]:
        layout, visible = rows.layout, rows.layout.visible()
        if self.options.keys == "all":
            return visible
        if self.options.keys == "random":
            least = most = _drawn(layout.index, rows, 2 * self.layer)[:, :, None].expand_as(scores)
        else:
            highest, total = measured[:, 1:, :, None, : layout.keys].unbind(1)
            if layout.causal:  # up to each query
                highest = torch.cat([highest, scores], 2).cummax(2).values[:, :, 1:]
                total = total + _finite(scores).cumsum(2)
            measure, error = highest - total / layout.seen[:, None, :, None], 2 * rows.rounding(scores)
            least, most = measure - error, measure + error
        ranked = least.masked_fill(~visible, -torch.inf).sort(-1, descending=True).values
        last = (chosen.long() - 1).clamp(max=layout.keys - 1).expand(*scores.shape[:3], 1)
        return visible & (most >= ranked.gather(-1, last))

    def _chosen_queries(
        self, rows: Call, scores: Tensor, measured: Tensor, chosen: Tensor
    ) -> Bool[Tensor, "#batch #heads queries 1"]:
        layout = rows.layout
        if self.options.queries == "all":
            return torch.ones_like(chosen, dtype=torch.bool)
        if self.options.queries == "random":
            others = _drawn(layout.index, rows, 2 * self.layer + 1)
            own = others[:, :, layout.start : layout.start + layout.queries]
        else:
            measure, error = _of_queries(rows, scores)
            others, own = measured[:, 0, :, : layout.keys], measure + error
        better = (others[:, :, None] > own[..., None]) & layout.visible()
        return better.sum(-1, keepdim=True) < chosen


def _measured(rows: Call, scores: Tensor, before: Tensor) -> Float[Tensor, "batch 3 heads all_keys"]:
    """Add the measures of a block of rows to those before."""
    measured, keys, start = before.clone(), rows.layout.keys, rows.layout.start
    measure, error = _of_queries(rows, scores)
    measured[:, 0, :, start : start + rows.layout.queries] = measure - error
    measured[:, 1, :, :keys] = torch.maximum(before[:, 1, :, :keys], scores.amax(2))
    measured[:, 2, :, :keys] += _finite(scores).sum(2)
    return measured


def _of_queries(rows: Call, scores: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the measure of each query, and the largest error that rounding may have caused in it."""
    measure = scores.amax(-1) - _finite(scores).sum(-1) / rows.layout.seen[:, None]
    return measure, 2 * rows.rounding(scores).amax(-1)


def _finite(scores: Tensor) -> Tensor:
    return scores.masked_fill(scores == -torch.inf, 0)


def _drawn(index: Int[Tensor, "#batch tokens"], rows: Call, salt: int) -> Float[Tensor, "#batch heads tokens"]:
    """Draw a number between 0 and 1 for each index and head, always the same, by a hash of 32 bits."""
    heads = torch.arange(rows.query.shape[1], dtype=torch.long, device=index.device)[:, None]
    bits = (index[:, None] * 0x9E3779B1 + heads * 0x85EBCA77 + salt * 0xC2B2AE3D) & 0xFFFFFFFF
    for factor in (0x7FEB352D, 0x846CA68B):
        bits = ((bits ^ (bits >> 16)) * factor) & 0xFFFFFFFF
    return (bits ^ (bits >> 16)).to(at_least_float32(rows.query.dtype)) / 2**32
