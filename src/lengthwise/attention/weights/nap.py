r"""Normalised attention without a probability cage (arXiv 2005.09561).

.. math:: p_j = g\,\frac{z_j - \operatorname{mean}(z)}{\operatorname{std}(z) + \varepsilon} + b

with mean and standard deviation over the visible keys. Weights may be negative, and do not shrink with more keys.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Sizes, Weights
from lengthwise.attention.traits import WeightsTraits
from lengthwise.options import Value


class Nap(Weights):
    """Scores normalised over the visible keys, in place of softmax (arXiv 2005.09561).

    Adds two parameters per head: a gain, 1 at first, and a bias, 0 at first. The attended values grow with the number
    of keys; the authors apply LayerNorm and GELU to the attended values, as ``nap+layer-norm-gelu`` does.
    """

    traits = WeightsTraits(evidence="code", normalised=False)
    EPS = 1e-3
    """Added to the standard deviation of the authors' scores, which are not divided by the root of the width."""

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        self.eps = self.EPS / sizes.head_dim**0.5
        self.gain = nn.Parameter(torch.ones(sizes.heads))
        self.bias = nn.Parameter(torch.zeros(sizes.heads))

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights by the definition."""
        hidden = scores == -torch.inf
        number = (~hidden).sum(-1, keepdim=True).to(scores.dtype)
        mean = scores.masked_fill(hidden, 0).sum(-1, keepdim=True) / number
        centred = (scores - mean).masked_fill_(hidden, 0)
        # For equal scores, the norm's derivative is 0, while the derivative of a root would be infinite.
        deviation = torch.linalg.vector_norm(centred, dim=-1, keepdim=True) / number.sqrt()
        gain, bias = self.gain[:, None, None], self.bias[:, None, None]
        return bias.addcmul(centred, gain / (deviation + self.eps)).masked_fill_(hidden, 0)
