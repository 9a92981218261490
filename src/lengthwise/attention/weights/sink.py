r"""Softmax with a sink: one more logit, for attending to nothing.

.. math:: p_j = \frac{e^{z_j}}{e^{b} + \sum_m e^{z_m}}

With :math:`b = 0` this is softmax off by one (Evan Miller, *Attention Is Off By One*, 2023; the zero sink of
arXiv 2309.17453); gpt-oss learns a :math:`b` for each head (arXiv 2508.10925). The compiled walk knows sinks. For
torch's fused routine, a sink is a key of zeros with a value of zeros.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Sizes
from lengthwise.attention.traits import WeightsTraits
from lengthwise.attention.weights.softmax import Softmax
from lengthwise.options import Value


class OffByOne(Softmax):
    """Softmax with 1 added to its denominator, so that a query may attend to nothing (arXiv 2309.17453).

    The scheme is from Evan Miller, *Attention Is Off By One*.
    """

    traits = WeightsTraits(evidence="third-party", normalised=False, route="fused")

    def sink_logit(self, query: Float[Tensor, "batch heads queries width"]) -> Float[Tensor, "1 #heads 1"]:
        """Return the logit of attending to nothing, 0."""
        return query.new_zeros(1, 1, 1)

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the softmax with one more score, 0."""
        return super().of_scores(F.pad(scores, (0, 1)), call)[..., :-1]

    def fuse(
        self,
        query: Float[Tensor, "batch heads queries width"],
        key: Float[Tensor, "batch kv_heads keys width"],
        value: Float[Tensor, "batch kv_heads keys width"],
        mask: Tensor | None = None,
        causal: bool = False,
        scale: float | None = None,
    ) -> Float[Tensor, "batch heads queries width"]:
        """Call torch's fused routine with the sink before the first key."""
        in_front = (0, 0, 1, 0)
        key, value = F.pad(key, in_front), F.pad(value, in_front)
        if causal:  # the mask pairs the first query with the first key, and so on, so the sink needs a query, too
            return super().fuse(F.pad(query, in_front), key, value, None, causal, scale)[:, :, 1:]
        if mask is not None:
            mask = F.pad(mask, (1, 0), value=mask.dtype == torch.bool)
        return super().fuse(query, key, value, mask, causal, scale)


class LearnedSink(OffByOne):
    """Softmax with one more logit, learned per head, that attends to nothing (arXiv 2508.10925).

    Adds one parameter per head, 0 at first, which is softmax off by one.
    """

    traits = WeightsTraits(evidence="code", normalised=False, route="fused")

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        self.sink = nn.Parameter(torch.zeros(sizes.heads))

    def sink_logit(self, query: Float[Tensor, "batch heads queries width"]) -> Float[Tensor, "1 #heads 1"]:
        """Return the learned logit of attending to nothing."""
        return self.sink[None, :, None]

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights as with a sink at 0, from scores minus the sink's score."""
        return super().of_scores(scores - self.sink[:, None, None], call)

    def fuse(
        self,
        query: Float[Tensor, "batch heads queries width"],
        key: Float[Tensor, "batch kv_heads keys width"],
        value: Float[Tensor, "batch kv_heads keys width"],
        mask: Tensor | None = None,
        causal: bool = False,
        scale: float | None = None,
    ) -> Float[Tensor, "batch heads queries width"]:
        """Subtract the sink's score from all scores by one more component, which is 1 in every key; then attend."""
        width = query.shape[-1]
        scale = width**-0.5 if scale is None else scale
        sink = (-self.sink / scale).to(query.dtype)[:, None, None].expand(*query.shape[:3], 1)
        # Values get one more component, too: torch's fused routine needs keys and values of one width.
        query, key, value = torch.cat([query, sink], -1), F.pad(key, (0, 1), value=1.0), F.pad(value, (0, 1))
        return super().fuse(query, key, value, mask, causal, scale)[..., :width]
