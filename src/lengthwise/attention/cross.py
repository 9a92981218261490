"""Cross-attention: a query reads keys and values that have no order."""

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call, of_nothing
from lengthwise.attention.core import AttentionCore
from lengthwise.attention.layout import Layout


class CrossAttention(AttentionCore):
    """Cross-attention of one query to a set, by any mechanism without positions.

    Its arguments are those of :class:`~lengthwise.attention.core.AttentionCore`.
    """

    def forward(
        self, asking: Float[Tensor, "batch 1 dim"], read: Float[Tensor, "batch items dim"]
    ) -> Float[Tensor, "batch 1 dim"]:
        """Attend from the query ``asking`` to all items of ``read``."""
        attend = self.attend_folded if self.weights.traits.keys_enter_by_products else self.attend
        return self.project(attend(asking, read), asking)

    def attend(
        self, asking: Float[Tensor, "batch 1 dim"], read: Float[Tensor, "batch items dim"]
    ) -> Float[Tensor, "batch heads 1 head_dim"]:
        """Attend by the definition: compute a key and a value for every item."""
        query, key, value = self.projected(asking, read)
        if query.numel() == 0:
            return of_nothing(query, key, value, self.sizes.heads, self.weights)
        query, key = self.weights.prepare(query, key, value)
        return self.weights(Call(asking, query, key, value, _layout(read)))

    def attend_folded(
        self, asking: Float[Tensor, "batch 1 dim"], read: Float[Tensor, "batch items dim"]
    ) -> Float[Tensor, "batch heads 1 head_dim"]:
        """Attend with the key projection folded into the query, and the value projection into the attended values.

        This saves two matrix products for each item, which are most of the work with one query per set:
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
        layout, read = _layout(read), read[:, None]
        if query.numel() == 0:
            attended = of_nothing(query, read, read, self.sizes.heads, self.weights)
        else:
            attended = self.weights(Call(asking, query, read, read, layout))
        return torch.einsum("bhqd,hed->bhqe", attended, value_of)


def _layout(read: Float[Tensor, "batch items dim"]) -> Layout:
    return Layout(1, read.shape[1], read.device, cross=True)
