r"""The forgetting transformer: a bias that sums the forget gates of the tokens in between (arXiv 2503.02130).

A forget gate per head and token, :math:`f_k = \sigma(w \cdot x_k + b)`, weakens all earlier tokens: the bias of query
:math:`i` and key :math:`j` is :math:`\sum_{k=j+1}^{i} \log f_k = C_i - C_j`, where :math:`C` is the cumulative sum of
the logarithms.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.gates import log_gates
from lengthwise.attention.parts import Bias, Sizes
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import PositionTraits
from lengthwise.options import Value


class Forgetting(Bias):
    """Scores plus the log forget gates, per head, of the tokens in between (arXiv 2503.02130).

    Adds ``dim * heads + heads`` parameters. It needs no other position, and positions that a caller gives make no
    difference. For keys ahead, the tokens in between forget in the same way: ``-|C_i - C_j|``.
    """

    traits = PositionTraits(
        evidence="code",
        sparse=True,  # log gates add up: after about a hundred tokens, the weight is 0 in float32
    )

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.forget = nn.Linear(sizes.dim, sizes.heads)
        nn.init.normal_(self.forget.weight, std=0.02)
        nn.init.zeros_(self.forget.bias)

    def track(self, hidden: Float[Tensor, "batch tokens dim"]) -> Float[Tensor, "batch heads tokens"]:
        """Compute the logarithm of every token's gates, in float32 or better."""
        gates = self.forget(hidden)
        return self.log_kept(in_float32(gates)).movedim(-1, 1)

    @staticmethod
    def log_kept(gates: Float[Tensor, "batch tokens heads"]) -> Float[Tensor, "batch tokens heads"]:
        """Compute the logarithm of the share that a token keeps of earlier tokens."""
        return log_gates(gates)

    def log_forget(self, call: Call) -> Float[Tensor, "batch heads keys"] | None:
        """Return what :meth:`track` has computed."""
        return call.tracked

    def of(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """Compute minus the absolute difference of the cumulative sums; earlier documents shift both sums alike."""
        assert call.tracked is not None
        layout = call.layout
        # Neighbours a million tokens into a sequence differ by a small part of their sums: sums in float64, and
        # separate differences of integer and fractional parts, both of which float32 holds.
        sums = call.tracked.cumsum(-1, dtype=torch.float64)
        whole = sums.detach().round()
        rest, whole = (part.to(call.tracked.dtype) for part in (sums - whole, whole))
        own = slice(layout.start, layout.start + layout.queries)
        difference = whole[..., own, None] - whole[..., None, :]
        difference = difference.add_(rest[..., own, None]).sub_(rest[..., None, :])
        return difference if layout.causal else -difference.abs()
