"""Softmax attention (arXiv 1706.03762), by torch's fused routine: at once, or in blocks of rows under a mask."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.parts import SCORES_AT_ONCE, Layout, Position, Weights, in_blocks_of_rows, scores


class Softmax(Weights):
    """Softmax over all visible keys (arXiv 1706.03762).

    ``softmax(q k / sqrt(head_dim) + bias)``; ``backend="reference"`` materialises the scores and defines the result.
    """

    def sharpen(
        self, query: Float[Tensor, "batch heads queries head_dim"], layout: Layout
    ) -> Float[Tensor, "batch heads queries head_dim"]:
        """Queries times what sharpens or flattens the scores; here, as they are."""
        return query

    def of_scores(self, logits: Float[Tensor, "*rows keys"]) -> Float[Tensor, "*rows keys"]:
        """Weights of sharpened scores, which are minus infinity where a key is hidden."""
        return logits.softmax(-1)

    @property
    def fused(self) -> bool:
        """Whether torch's fused routine may attend, which knows softmax alone."""
        return self.backend != "reference"

    def probabilities(
        self,
        hidden: Float[Tensor, "batch queries dim"],
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads keys head_dim"],
        layout: Layout,
        position: Position,
    ) -> Float[Tensor, "batch heads queries keys"]:
        """The definition."""
        return self.of_scores(scores(self.sharpen(query, layout), key, layout, position))

    def forward(
        self,
        hidden: Float[Tensor, "batch queries dim"],
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads keys head_dim"],
        value: Float[Tensor, "batch kv_heads keys head_dim"],
        layout: Layout,
        position: Position,
    ) -> Float[Tensor, "batch heads queries head_dim"]:
        """The attended values; dropout acts on the weights, in training only."""
        if not self.fused:
            return super().forward(hidden, query, key, value, layout, position)
        query, dropout = self.sharpen(query, layout), self.dropout if self.training else 0.0
        if layout.key_documents is None and not position.biased and layout.queries in (1, layout.keys):
            return F.scaled_dot_product_attention(
                query, key, value, dropout_p=dropout, is_causal=layout.queries > 1, enable_gqa=True
            )

        def block(start: int, stop: int) -> Tensor:
            rows = layout.rows(start, stop)
            mask = rows.visible()
            if position.biased:
                mask = position.bias(rows).to(query.dtype).masked_fill(~mask, -torch.inf)
            return F.scaled_dot_product_attention(
                query[:, :, start:stop],
                key[:, :, : rows.keys],
                value[:, :, : rows.keys],
                attn_mask=mask,
                dropout_p=dropout,
                enable_gqa=True,
            )

        batch, heads = query.shape[:2]
        masks = (batch if layout.key_documents is not None else 1) * (heads if position.biased else 1)
        return in_blocks_of_rows(block, layout.queries, SCORES_AT_ONCE // (masks * layout.keys))
