r"""Threshold relative attention as a part of a layer (arXiv 2503.23174).

Queries and keys are RMS-normalised without a learned scale; every head has a forget gate, computed from the *query's*
token, :math:`\delta_i = \log\sigma(w \cdot x_i + b)`. The rest is :func:`lengthwise.threshold_relative_attention`.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call, heads_of
from lengthwise.attention.parts import Sizes, Weights
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import WeightsTraits
from lengthwise.ops import threshold_relative_attention
from lengthwise.ops.threshold_relative import BACKENDS, reference
from lengthwise.options import Value


class OnOperator(Weights):
    """Base of the weights parts that run on the operator, controlled by :attr:`threshold` and the forget gates."""

    traits = WeightsTraits(
        evidence="code",
        bidirectional=False,  # distance counts from the query backwards
        takes_bias=False,
        normalised=False,  # a query that keeps no key returns zeros
        permutation_invariant=False,
        sensitive_to_rounding=True,
        keys_enter_by_products=False,  # keys are normalised
        route="kernel",
        backends=("auto", *BACKENDS),
    )
    EPS = 1e-6
    threshold: float
    """A key is kept if its score is greater."""

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        self.forget = nn.Linear(sizes.dim, sizes.heads)

    def prepare(
        self,
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads keys head_dim"],
        value: Float[Tensor, "batch kv_heads keys head_dim"],
    ) -> tuple[Tensor, Tensor]:
        """RMS-normalise queries and keys."""
        width = query.shape[-1:]
        return F.rms_norm(query, width, eps=self.EPS), F.rms_norm(key, width, eps=self.EPS)

    def probabilities(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights by the definition, 0 for dropped keys."""
        query, key = in_float32(call.query), in_float32(heads_of(call.key, call.query.shape[1]))
        scale, log_forget = query.shape[-1] ** -0.5, self._log_forget(call)
        logits, kept = reference.logits_and_kept(
            query, key, log_forget, self.threshold / scale, scale, call.layout.documents
        )
        if self.training and self.dropout > 0:  # the 0 of a dropped logit makes the shift from c - 1 to c visible
            logits = self.dropped(logits + log_forget[..., None])
        return reference.weights(logits, kept)

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values; a query that keeps no key gets zeros."""
        if self.training and self.dropout > 0:
            return call.attend(self.probabilities(call))
        return threshold_relative_attention(
            call.query,
            call.key,
            call.value,
            self._log_forget(call),
            threshold=self.threshold,
            document_ids=call.layout.documents,
            backend=self.backend,
            largest_key_norm=1.01 * call.query.shape[-1] ** 0.5,  # of normalised keys, rounded in any dtype
        )

    def _log_forget(self, call: Call) -> Float[Tensor, "batch heads queries"]:
        return F.logsigmoid(in_float32(self.forget(call.hidden))).movedim(-1, 1)


class ThresholdRelative(OnOperator):
    """Softmax over the keys above a threshold, with distance counted over these keys (arXiv 2503.23174).

    Adds ``dim * heads + heads`` parameters for the forget gates. ``dropout`` acts on the logits ``s + delta * c``, as
    in the authors' code: a dropped logit is 0, not absent. Dropout needs all logits at once, so training with dropout
    costs the memory of the reference.
    """

    class Options(OnOperator.Options):
        threshold: float = 0.0
        """A key is kept if its scaled score is greater."""

    options: Options

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        self.threshold = self.options.threshold
