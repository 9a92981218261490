r"""Threshold relative attention as a part of a layer (arXiv 2503.23174).

Queries and keys are RMS-normalised without a learned scale; every head has a forget gate, computed from the *query's*
token, :math:`\delta_i = \log\sigma(w \cdot x_i + b)`. The rest is :func:`lengthwise.threshold_relative_attention`.

Three options are our own, and serve proofs over all lengths (``docs/certificate.md``). With *strict*, a token does not
see itself. Training may *anneal* the gates: it subtracts a growing :math:`\alpha` from :math:`\delta_i`, so that the
newest kept key takes nearly all weight, as in the limit ``newest-kept``. In training, a *margin* adds the mean of
:math:`\max(0, 1 - |s_{ij} - \text{threshold}| / \text{margin})` to the loss, which moves scores away from the
threshold. Its share grows with :math:`\alpha`: from the beginning, it would keep scores from crossing the threshold.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call, heads_of
from lengthwise.attention.gates import log_gates
from lengthwise.attention.parts import Sizes, Weights
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import WeightsTraits
from lengthwise.ops import threshold_relative_attention
from lengthwise.ops.reach import softmax_over, visible
from lengthwise.ops.rowwise import rms_norm
from lengthwise.ops.threshold_relative import BACKENDS, reference
from lengthwise.options import Value, option


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
        return rms_norm(query, eps=self.EPS), rms_norm(key, eps=self.EPS)

    def probabilities(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights by the definition, 0 for dropped keys."""
        query, key = in_float32(call.query), in_float32(heads_of(call.key, call.query.shape[1]))
        scale, log_forget = query.shape[-1] ** -0.5, self._log_forget(call)
        logits, kept = reference.logits_and_kept(
            query, key, log_forget, self.threshold / scale, scale, call.layout.documents, strict=self.strict
        )
        if self.training and self.dropout > 0:  # the 0 of a dropped logit makes the shift from c - 1 to c visible
            logits = self.dropped(logits + log_forget[..., None])
        return softmax_over(logits, kept)

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
            strict=self.strict,
        )

    def _log_forget(self, call: Call) -> Float[Tensor, "batch heads queries"]:
        return log_gates(self.forget(call.hidden)).movedim(-1, 1)


class ThresholdRelative(OnOperator):
    """Softmax over the keys above a threshold, with distance counted over these keys (arXiv 2503.23174).

    Adds ``dim * heads + heads`` parameters for the forget gates. ``dropout`` acts on the logits ``s + delta * c``, as
    in the authors' code: a dropped logit is 0, not absent. Dropout and ``margin`` need all logits at once, so
    training with one of them costs the memory of the reference.
    """

    class Options(OnOperator.Options):
        threshold: float = 0.0
        """A key is kept if its scaled score is greater."""
        strict: bool = False
        """True if a token sees only the tokens before it, and not itself."""
        anneal: float = option(0.0, at_least=0)
        """What training subtracts from the logarithms of the gates at its end; 0 leaves the gates as they are."""
        margin: float = option(0.0, at_least=0)
        """Distance from the threshold up to which the end of training moves scores away; 0 for no such change."""

    options: Options
    BEGIN, END = 0.4, 0.9
    """Shares of the training between which the gates are annealed."""
    annealed: Tensor
    """What is subtracted from the logarithms of the gates, with the option ``anneal`` alone."""
    _share = 0.0
    """How far the annealing is, from 0 to 1."""

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        self.threshold, self.strict = self.options.threshold, self.options.strict
        if self.options.anneal:
            self.register_buffer("annealed", torch.zeros((), dtype=torch.float32, device="cpu"))

    def follow(self, progress: float) -> None:
        """Anneal the gates and add the margin to the loss, linearly from :attr:`BEGIN` to :attr:`END`."""
        self._share = min(1.0, max(0.0, (progress - self.BEGIN) / (self.END - self.BEGIN)))
        if self.options.anneal:
            self.annealed.fill_(self.options.anneal * self._share)

    def _nearness(self, call: Call) -> Float[Tensor, ""]:
        """Compute how near scores are to the threshold: 0 if none is nearer than the margin, 1 if all equal it."""
        seen = visible(
            call.layout.queries, call.layout.keys, call.layout.documents, call.query.device, strict=self.strict
        ).expand_as(call.products)
        near = F.relu(1 - (call.products - self.threshold).abs() / self.options.margin)
        return (near * seen).sum() / seen.sum().clamp(min=1)  # a single token sees nothing if attention is strict

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values, and in training with a margin also the penalty."""
        if self.training and self.options.margin and self._share:
            self.penalty = self._share * self._nearness(call)
        return super().forward(call)

    def _log_forget(self, call: Call) -> Float[Tensor, "batch heads queries"]:
        log_forget = super()._log_forget(call)
        return log_forget - self.annealed if self.options.anneal else log_forget
