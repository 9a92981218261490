"""Softmax attention (arXiv 1706.03762): by the compiled walk, or by torch's fused routine, at once or in blocks."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.rows import in_blocks_of_rows
from lengthwise.attention.traits import WeightsTraits
from lengthwise.ops import distance_bias_attention, forgetting_attention, native, relative_bias_attention
from lengthwise.ops.problem import TILE


class Softmax(Weights):
    """Softmax over all visible keys (arXiv 1706.03762).

    ``softmax(q k / sqrt(head_dim) + bias)``; ``backend="reference"`` materialises the scores and defines the result.
    """

    traits = WeightsTraits(evidence="code", route="fused")

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the softmax of sharpened scores."""
        return scores.softmax(-1)

    def sink_logit(self, query: Float[Tensor, "batch heads queries width"]) -> Float[Tensor, "1 #heads 1"] | None:
        """Return the logit of attending to nothing; here, None: all weight goes to keys."""
        return None

    one_dropout = False
    """True if dropout acts on several maps or values of a head alike, which no fused routine can do."""

    def fuses(self, call: Call) -> bool:
        """Return True if a fused routine may attend: the compiled walk, or torch's."""
        dropped = self.one_dropout and self.training and self.dropout > 0
        return self.backend != "reference" and not dropped and not (call.bias and call.bias.depends_on_scores)

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values; dropout acts on the weights, in training only."""
        if not self.fuses(call):
            return super().forward(call)
        call, layout, biased = replace(call, query=self.sharpen(call)), call.layout, call.biased
        if (walked := self._walked(call)) is not None:
            return walked
        if layout.documents is None and not biased and (layout.queries in (1, layout.keys)):
            causal = False if layout.queries == 1 else layout.causal  # with a dynamic length, > 1 would be no bool
            return self.fuse(call.query, call.key, call.value, causal=causal)

        def block(start: int, stop: int) -> Tensor:
            rows = call.rows(start, stop)
            mask = rows.layout.visible()
            if rows.bias is not None and biased:
                mask = rows.bias.of(rows).to(rows.query.dtype).masked_fill(~mask, -torch.inf)
            return self.fuse(rows.query, rows.key, rows.value, mask)

        batch, heads = call.query.shape[:2]
        alike = layout.documents is None and call.tracked is None  # the mask is the same in all sequences
        masks = (1 if alike else batch) * (heads if biased else 1)
        # Torch's routine is fused unless the bias has a gradient.
        cached = call.learns_bias and torch.is_grad_enabled()
        return in_blocks_of_rows(block, layout, masks * layout.keys, cached=cached)

    def _walked(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"] | None:
        """Attend by the compiled walk, where it can attend and is not slower than torch's routine; else return None."""
        sink = self.sink_logit(call.query)
        own = type(self).fuse is not Softmax.fuse and sink is None  # another softmax than the walk's
        if own or not self.walks(call):
            return None
        bias = call.bias if call.biased else None
        # Torch's routine is fused unless the bias has a gradient, and faster for less than a tile of queries. In
        # bfloat16 it rounds more than the walk, which therefore takes even single tokens.
        few = 0 if call.query.dtype == torch.bfloat16 else native.FEW
        if call.layout.queries <= (few if call.learns_bias else TILE - 1):
            return None
        vectors, documents = (call.query, call.key, call.value), call.layout.documents
        heads = call.query.shape[1]
        if bias is None:  # nothing is forgotten
            zero = torch.zeros(1, 1, 1, dtype=torch.float32, device=call.query.device)
            zeros = zero.expand(len(call.query), heads, call.layout.keys)
            return forgetting_attention(*vectors, zeros, sink=sink, document_ids=documents, skip_tolerance=0.0)
        gates = bias.log_forget(call)
        if gates is not None and gates.shape[1] == heads:
            return forgetting_attention(*vectors, gates, sink=sink, document_ids=documents)
        table = bias.by_distance(call)
        if table is not None and table.shape[0] == heads:
            return distance_bias_attention(*vectors, table, sink=sink, document_ids=documents)
        curve = bias.curve(call)
        if curve is not None and curve.slopes.shape[0] == heads:
            return relative_bias_attention(*vectors, curve, sink=sink, document_ids=documents)
        return None

    def fuse(
        self,
        query: Float[Tensor, "batch heads queries width"],
        key: Float[Tensor, "batch kv_heads keys width"],
        value: Float[Tensor, "batch kv_heads keys width"],
        mask: Tensor | None = None,
        causal: bool = False,
        scale: float | None = None,
    ) -> Float[Tensor, "batch heads queries width"]:
        """Call torch's fused routine. If ``causal``, there are as many queries as keys, and no mask."""
        return F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=mask,
            dropout_p=self.dropout * self.training,
            is_causal=causal,
            scale=scale,
            enable_gqa=True,
        )
