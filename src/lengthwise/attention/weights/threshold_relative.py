r"""Threshold relative attention as a part of a layer (arXiv 2503.23174).

Queries and keys are RMS-normalised without a learned scale; every head has a forget gate of the *query's* token,
:math:`\delta_i = \log\sigma(w \cdot x_i + b)`. The rest is :func:`lengthwise.threshold_relative_attention`.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.parts import Layout, Position, Sizes, Weights
from lengthwise.errors import InputError
from lengthwise.ops import threshold_relative_attention
from lengthwise.ops.threshold_relative import BACKENDS, reference
from lengthwise.registry import unknown


class ThresholdRelative(Weights):
    """Keys above a threshold only, and distance counted over those (arXiv 2503.23174).

    Adds ``dim * heads + heads`` parameters for the forget gates.
    ``dropout`` acts on the logits, as the authors' code does it: a dropped logit is 0, not absent. It needs the logits
    at once, so training with it costs the memory of the reference.
    """

    takes_bias = False
    EPS = 1e-6

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0) -> None:
        super().__init__()
        if backend not in (*BACKENDS, "auto"):
            raise InputError(unknown("backend of threshold-relative", backend, [*BACKENDS, "auto"]))
        self.backend = backend
        self.dropout = dropout
        self.forget = nn.Linear(sizes.dim, sizes.heads)

    def prepare(
        self,
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads queries head_dim"],
    ) -> tuple[Tensor, Tensor]:
        """RMS-normalised queries and keys."""
        width = query.shape[-1:]
        return F.rms_norm(query, width, eps=self.EPS), F.rms_norm(key, width, eps=self.EPS)

    def forward(
        self,
        hidden: Float[Tensor, "batch queries dim"],
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads keys head_dim"],
        value: Float[Tensor, "batch kv_heads keys head_dim"],
        layout: Layout,
        position: Position,
    ) -> Float[Tensor, "batch heads queries head_dim"]:
        """The attended values; a query that keeps no key gets zeros."""
        log_forget = F.logsigmoid(self.forget(hidden).float()).movedim(-1, 1)
        if self.training and self.dropout > 0:
            return self._with_dropout(query, key, value, log_forget, layout)
        return threshold_relative_attention(
            query,
            key,
            value,
            log_forget,
            document_ids=layout.key_documents,
            backend=self.backend,
            largest_key_norm=1.01 * query.shape[-1] ** 0.5,  # of normalised keys, rounded in any dtype
        )

    def _with_dropout(self, query: Tensor, key: Tensor, value: Tensor, log_forget: Tensor, layout: Layout) -> Tensor:
        group = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(group, dim=1).float(), value.repeat_interleave(group, dim=1)
        scale = query.shape[-1] ** -0.5
        logits, kept = reference.logits_and_kept(query.float(), key, log_forget, 0.0, scale, layout.key_documents)
        return reference.weights(F.dropout(logits, self.dropout), kept).to(value.dtype) @ value
