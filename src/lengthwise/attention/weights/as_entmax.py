r"""Adaptive-scalable entmax: entmax that sharpens with length, by an amount learned per token (arXiv 2506.16640).

The query of a token that sees :math:`n` keys is multiplied by :math:`1 + \beta\,(\log(n + 1))^\gamma`, where
:math:`\beta = \operatorname{softplus}(w_\beta \cdot x)` and :math:`\gamma = 2 \tanh(w_\gamma \cdot x)` are computed
from the token :math:`x`, head by head.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Sizes
from lengthwise.attention.weights.entmax import Entmax
from lengthwise.ops.problem import at_least_float32
from lengthwise.options import Value


class AsEntmax(Entmax):
    """Entmax of scores that grow with a learned power of the logarithm of the length (arXiv 2506.16640).

    Adds ``2 * dim * heads`` parameters. The authors give half of the heads a distance bias (``as-entmax+nape``), and
    scale only the other heads; here all heads are scaled, as in the authors' models with rotary positions. The two maps
    from the token have no biases, as is the default of the authors' code; the commands in its README give them biases
    (``attn_scale_proj_bias=True``).
    """

    RANGE = 2.0
    """Largest absolute value of gamma, the power of the logarithm."""

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        self.beta = nn.Linear(sizes.dim, sizes.heads, bias=False)
        self.gamma = nn.Linear(sizes.dim, sizes.heads, bias=False)
        for linear in (self.beta, self.gamma):
            nn.init.normal_(linear.weight, std=0.02)

    def sharpen(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Scale the queries."""
        return (call.query * self.scale(call)).to(call.query.dtype)

    def scale(self, call: Call) -> Float[Tensor, "batch heads queries 1"]:
        """Compute the factors that the queries are multiplied by."""
        beta = F.softplus(self.beta(call.hidden)).movedim(-1, 1)
        gamma = self.RANGE * self.gamma(call.hidden).tanh().movedim(-1, 1)
        seen = call.layout.seen.to(at_least_float32(call.query.dtype))[:, None]
        length = (seen + 1).log()  # at least log 2, because log 1 = 0 has no negative power
        return (1 + beta * length**gamma)[..., None]
