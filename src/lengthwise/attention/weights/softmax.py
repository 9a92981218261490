"""Softmax attention (arXiv 1706.03762), by torch's fused routine: at once, or in blocks of rows under a mask."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from lengthwise.attention.parts import Layout, Position, Sizes, Weights
from lengthwise.errors import InputError
from lengthwise.registry import unknown

SCORES_AT_ONCE = 2**24
"""Entries of the mask or bias held at a time: 64 MiB in float32."""


class Softmax(Weights):
    """Softmax over all visible keys (arXiv 1706.03762).

    ``softmax(q k / sqrt(head_dim) + bias)``; ``backend="reference"`` materialises the scores and defines the result.
    """

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0) -> None:
        super().__init__()
        if backend not in ("auto", "reference"):
            raise InputError(unknown("backend of softmax", backend, ["auto", "reference"]))
        self.backend = backend
        self.dropout = dropout

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
        dropout = self.dropout if self.training else 0.0
        if self.backend == "reference":
            return _materialised(query, key, value, layout, position, dropout)
        if layout.key_documents is None and not position.biased and layout.queries in (1, layout.keys):
            return F.scaled_dot_product_attention(
                query, key, value, dropout_p=dropout, is_causal=layout.queries > 1, enable_gqa=True
            )
        return _in_blocks_of_rows(query, key, value, layout, position, dropout)


def _in_blocks_of_rows(
    query: Tensor, key: Tensor, value: Tensor, layout: Layout, position: Position, dropout: float
) -> Tensor:
    """Attend a block of queries at a time to the keys it can see, so that no mask or bias is ever held whole."""

    def block(start: int, stop: int) -> Tensor:
        part = layout.rows(start, stop)
        mask = part.visible()
        if position.biased:
            mask = position.bias(part).to(query.dtype).masked_fill(~mask, -torch.inf)
        return F.scaled_dot_product_attention(
            query[:, :, start:stop],
            key[:, :, : part.keys],
            value[:, :, : part.keys],
            attn_mask=mask,
            dropout_p=dropout,
            enable_gqa=True,
        )

    batch, heads, queries, _ = query.shape
    masks = (batch if layout.key_documents is not None else 1) * (heads if position.biased else 1)
    rows = max(16, SCORES_AT_ONCE // (masks * layout.keys))
    if rows >= queries:
        return block(0, queries)
    outputs = []
    for start in range(0, queries, rows):
        stop = min(start + rows, queries)
        # Without checkpointing, autograd would keep the mask of every block until the backward pass.
        outputs.append(
            checkpoint(block, start, stop, use_reentrant=False) if torch.is_grad_enabled() else block(start, stop)
        )
    return torch.cat(outputs, dim=2)


def _materialised(
    query: Tensor, key: Tensor, value: Tensor, layout: Layout, position: Position, dropout: float
) -> Tensor:
    """The definition, all scores at once."""
    group = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(group, dim=1), value.repeat_interleave(group, dim=1)
    scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    if position.biased:
        scores = scores + position.bias(layout)
    weights = scores.masked_fill(~layout.visible(), -torch.inf).softmax(-1, dtype=torch.float32)
    return F.dropout(weights.to(value.dtype), dropout) @ value
