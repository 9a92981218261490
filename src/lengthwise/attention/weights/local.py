"""Local attention: softmax over the keys near the query, whatever they hold (arXiv 2506.14095).

The two masks are baselines of top-k attention, whose choice of as many keys depends on the input. The first tokens of a
sequence may be global: they attend to all keys, and all queries attend to them. The other tokens are counted apart from
the global ones. The authors put global tokens of their own behind the sequence; here the begin token is the first one.
"""

from abc import abstractmethod

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.traits import WeightsTraits
from lengthwise.ops import distance_bias_attention
from lengthwise.options import option


class Local(Weights):
    """Base of the softmax over keys near the query, and over global tokens."""

    traits = WeightsTraits(evidence="code", cross=False, sparse=True, permutation_invariant=False, route="kernel")

    class Options(Weights.Options):
        n: int = option(5, at_least=1)
        """Number of keys near each query, the query's own among them."""
        global_tokens: int = option(0, at_least=0)
        """Number of first tokens that attend to all keys and that all queries attend to."""

    options: Options

    @abstractmethod
    def near(
        self, query: Int[Tensor, "#batch queries 1"], key: Int[Tensor, "#batch 1 keys"], last: Int[Tensor, "..."]
    ) -> Bool[Tensor, "#batch queries keys"]:
        """Return which keys are near, by their places; ``last`` is the place of the last key that the query sees.

        Places are counted from 0 on, behind the global tokens; a global token has a negative place.
        """

    @abstractmethod
    def walked(self, call: Call, bias: Float[Tensor, "heads keys"]) -> Float[Tensor, "batch heads queries head_dim"]:
        """Attend causally without global tokens by the compiled walk, which reads near keys alone.

        ``bias`` is what is added to the scores at each distance.
        """

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values; dropout acts on the weights, in training only."""
        if not self.options.global_tokens and self.walks(call) and (bias := _by_distance(call)) is not None:
            return self.walked(call, bias)
        return super().forward(call)

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the softmax over near and global keys that are visible; the query's own key always is."""
        layout, place = call.layout, call.layout.index - self.options.global_tokens
        query, key = place[:, layout.start : layout.start + layout.queries, None], place[:, None]
        last = key.masked_fill(~layout.visible()[:, 0], -1).amax(-1, keepdim=True)
        kept = self.near(query, key, last) | (key < 0) | (query < 0)
        return scores.masked_fill(~kept[:, None], -torch.inf).softmax(-1)


class Banded(Local):
    """Softmax over a band of n keys around the query (arXiv 2506.14095).

    The band of query i goes from key i − ⌊(n − 1)/2⌋ to key i + ⌈(n − 1)/2⌉. Near an end of the sequence, it is shifted
    inwards, so that n keys remain. For a causal query, the end is the query: its band is the n newest keys, a sliding
    window.
    """

    def walked(self, call: Call, bias: Float[Tensor, "heads keys"]) -> Float[Tensor, "batch heads queries head_dim"]:
        """Attend by the walk, which ends where the band ends."""
        beyond = torch.arange(call.layout.keys, dtype=torch.long, device=bias.device) >= self.options.n
        window = bias.masked_fill(beyond, -torch.inf)
        documents = call.layout.documents
        return distance_bias_attention(call.query, call.key, call.value, window, document_ids=documents)

    def near(
        self, query: Int[Tensor, "#batch queries 1"], key: Int[Tensor, "#batch 1 keys"], last: Int[Tensor, "..."]
    ) -> Bool[Tensor, "#batch queries keys"]:
        """Return the keys of the band."""
        n = self.options.n
        first = torch.minimum(query - (n - 1) // 2, last - n + 1).clamp(min=0)
        return (first <= key) & (key < first + n)


class BlockLocal(Local):
    """Softmax over the keys of the query's own block of n tokens (arXiv 2506.14095).

    Blocks are counted from the start; the last one may be shorter. A causal query attends to its block up to itself.
    """

    def walked(self, call: Call, bias: Float[Tensor, "heads keys"]) -> Float[Tensor, "batch heads queries head_dim"]:
        """Attend by the walk, for which a block is a document; the index of its first token stands for it."""
        token = torch.arange(call.layout.keys, dtype=torch.long, device=bias.device)
        blocks = (token - call.layout.index % self.options.n).expand(len(call.query), -1)
        return distance_bias_attention(call.query, call.key, call.value, bias, document_ids=blocks)

    def near(
        self, query: Int[Tensor, "#batch queries 1"], key: Int[Tensor, "#batch 1 keys"], last: Int[Tensor, "..."]
    ) -> Bool[Tensor, "#batch queries keys"]:
        """Return the keys of the block."""
        n = self.options.n
        return torch.div(query, n, rounding_mode="floor") == torch.div(key, n, rounding_mode="floor")


def _by_distance(call: Call) -> Float[Tensor, "heads keys"] | None:
    """Return the bias of each head at each distance; None if it does not depend on the distance alone."""
    heads, device = call.query.shape[1], call.query.device
    if call.bias is None or not call.biased:
        return torch.zeros(heads, call.layout.keys, dtype=torch.float32, device=device)
    table = call.bias.by_distance(call)
    return table if table is not None and len(table) == heads else None
