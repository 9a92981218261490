"""Cross-attention: queries read keys and values that have no order."""

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call, of_nothing
from lengthwise.attention.core import AttentionCore
from lengthwise.attention.layout import Layout


class CrossAttention(AttentionCore):
    """Cross-attention of one query or more to a set, by any mechanism without positions.

    Several queries need a mechanism that is not for causal attention only.

    Its arguments are those of :class:`~lengthwise.attention.core.AttentionCore`.
    """

    def forward(
        self, asking: Float[Tensor, "batch queries dim"], read: Float[Tensor, "batch items dim"]
    ) -> Float[Tensor, "batch queries dim"]:
        """Attend from the queries ``asking`` to all items of ``read``."""
        folded = asking.shape[1] == 1 and self.weights.traits.keys_enter_by_products
        return self.project((self.attend_folded if folded else self.attend)(asking, read), asking)

    def attend(
        self, asking: Float[Tensor, "batch queries dim"], read: Float[Tensor, "batch items dim"]
    ) -> Float[Tensor, "batch heads queries head_dim"]:
        """Attend by the definition: compute a key and a value for every item."""
        query, key, value = self.projected(asking, read)
        if query.numel() == 0:
            return of_nothing(query, key, value, self.sizes.heads, self.weights)
        query, key = self.weights.prepare(query, key, value)
        return self.weights(Call(asking, query, key, value, _layout(asking, read)))

    def attend_folded(
        self, asking: Float[Tensor, "batch queries dim"], read: Float[Tensor, "batch items dim"]
    ) -> Float[Tensor, "batch heads queries head_dim"]:
        """Attend with the key projection folded into the query, and the value projection into the attended values.

        This saves two matrix products for each item, which are most of the work with one query per set, the only case
        in which :meth:`forward` attends so:
        ``q (W_k x) = (W_k^T q) x`` and ``sum of p (W_v x) = W_v (sum of p x)``.
        """
        split = (-1, self.sizes.head_dim)
        query, key_of, value_of = (
            of.unflatten(axis, split)
            for of, axis in ((self.query(asking), -1), (self.key.weight, 0), (self.value.weight, 0))
        )
        query = torch.einsum("bqhe,hed->bhqd", query, key_of.repeat_interleave(self.weights.traits.maps, 0))
        # A call divides by the root of this width, but the scores need the root of a head's width.
        query = query * (self.sizes.dim / self.sizes.head_dim) ** 0.5
        layout, read = _layout(asking, read), read[:, None]
        if query.numel() == 0:
            attended = of_nothing(query, read, read, self.sizes.heads, self.weights)
        else:
            attended = self.weights(Call(asking, query, read, read, layout))
        return torch.einsum("bhqd,hed->bhqe", attended, value_of)


def _layout(asking: Float[Tensor, "batch queries dim"], read: Float[Tensor, "batch items dim"]) -> Layout:
    queries = asking.shape[1]
    return Layout(queries, read.shape[1], read.device, causal=queries == 1, cross=True)
