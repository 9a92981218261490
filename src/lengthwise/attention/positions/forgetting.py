r"""The forgetting transformer: a bias that grows with what the tokens between forget (arXiv 2503.02130).

A forget gate per head and token, :math:`f_k = \sigma(w \cdot x_k + b)`, weakens all that came before it: the score of
:math:`i` and :math:`j` gets :math:`\sum_{k=j+1}^{i} \log f_k = C_i - C_j`, where :math:`C` is the cumulative sum of the
logarithms.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Bias, Sizes
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import PositionTraits
from lengthwise.options import Value


class Forgetting(Bias):
    """Scores less what the tokens in between forget, by a gate per head and token (arXiv 2503.02130).

    Adds ``dim * heads + heads`` parameters. It needs no other position, and positions that a caller says make no
    difference. Looking ahead, the tokens in between forget as they do behind: ``-|C_i - C_j|``.
    """

    traits = PositionTraits(
        evidence="code",
        sparse=True,  # what is forgotten adds up: a hundred tokens on, the weight is 0 in float32
    )

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.forget = nn.Linear(sizes.dim, sizes.heads)
        nn.init.normal_(self.forget.weight, std=0.02)
        nn.init.zeros_(self.forget.bias)

    def track(self, hidden: Float[Tensor, "batch tokens dim"]) -> Float[Tensor, "batch heads tokens"]:
        """The logarithm of every token's gates, in float32 or better."""
        gates = self.forget(hidden)
        return self.log_kept(in_float32(gates)).movedim(-1, 1)

    @staticmethod
    def log_kept(gates: Float[Tensor, "batch tokens heads"]) -> Float[Tensor, "batch tokens heads"]:
        """Logarithm of how much a token keeps of those before it."""
        return F.logsigmoid(gates)

    def of(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """Minus the absolute difference of the cumulative sums; other documents only shift both."""
        assert call.tracked is not None
        layout = call.layout
        # Neighbours a million tokens into a sequence differ by what is between them: sums in double precision, and
        # differences of their whole and of their other parts, either of which single precision holds.
        sums = call.tracked.cumsum(-1, dtype=torch.float64)
        whole = sums.detach().round()
        rest, whole = (part.to(call.tracked.dtype) for part in (sums - whole, whole))
        own = slice(layout.start, layout.start + layout.queries)
        difference = whole[..., own, None] - whole[..., None, :]
        difference = difference.add_(rest[..., own, None]).sub_(rest[..., None, :])
        return difference if layout.causal else -difference.abs()
