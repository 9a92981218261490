r"""Threshold relative attention as a part of a layer (arXiv 2503.23174).

Queries and keys are RMS-normalised without a learned scale; every head has a forget gate of the *query's* token,
:math:`\delta_i = \log\sigma(w \cdot x_i + b)`. The rest is :func:`lengthwise.threshold_relative_attention`.
"""

from typing import ClassVar

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.parts import Layout, Position, Sizes, Weights, heads_of
from lengthwise.ops import threshold_relative_attention
from lengthwise.ops.threshold_relative import BACKENDS, reference


class ThresholdRelative(Weights):
    """Keys above a threshold only, and distance counted over those (arXiv 2503.23174).

    Adds ``dim * heads + heads`` parameters for the forget gates.
    ``dropout`` acts on the logits, as the authors' code does it: a dropped logit is 0, not absent. It needs the logits
    at once, so training with it costs the memory of the reference.
    """

    takes_bias = False
    by_products = False  # keys are normalised
    backends: ClassVar[tuple[str, ...]] = ("auto", *BACKENDS)
    EPS = 1e-6

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0) -> None:
        super().__init__(sizes, backend, dropout)
        self.forget = nn.Linear(sizes.dim, sizes.heads)

    def prepare(
        self,
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads queries head_dim"],
    ) -> tuple[Tensor, Tensor]:
        """RMS-normalised queries and keys."""
        width = query.shape[-1:]
        return F.rms_norm(query, width, eps=self.EPS), F.rms_norm(key, width, eps=self.EPS)

    def probabilities(
        self,
        hidden: Float[Tensor, "batch queries dim"],
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads keys head_dim"],
        layout: Layout,
        position: Position,
    ) -> Float[Tensor, "batch heads queries keys"]:
        """The definition; of dropped keys 0."""
        key, scale = heads_of(key, query.shape[1]).float(), query.shape[-1] ** -0.5
        logits, kept = reference.logits_and_kept(
            query.float(), key, self._log_forget(hidden), 0.0, scale, layout.key_documents
        )
        if self.training and self.dropout > 0:
            logits = F.dropout(logits, self.dropout)
        return reference.weights(logits, kept)

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
        if self.training and self.dropout > 0:
            weights = self.probabilities(hidden, query, key, layout, position)
            return weights.to(value.dtype) @ heads_of(value, query.shape[1])
        return threshold_relative_attention(
            query,
            key,
            value,
            self._log_forget(hidden),
            document_ids=layout.key_documents,
            backend=self.backend,
            largest_key_norm=1.01 * query.shape[-1] ** 0.5,  # of normalised keys, rounded in any dtype
        )

    def _log_forget(self, hidden: Tensor) -> Float[Tensor, "batch heads queries"]:
        return F.logsigmoid(self.forget(hidden).float()).movedim(-1, 1)
