r"""Bayesian attention mechanism: position as a prior, a generalised Gaussian of distance (arXiv 2505.22842).

Head :math:`h` adds the logarithm of the prior, :math:`-e^{\alpha_h}\,(|i - j| + \varepsilon)^{\beta_h}`, to its scores.
With :math:`\beta_h = 1` the bias is that of ALiBi, and with :math:`\beta_h = 0` there is no position; with a negative
:math:`\beta_h`, a head ignores near keys.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.parts import Sizes
from lengthwise.attention.positions.distance import OfDistance
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import PositionTraits
from lengthwise.options import Value


class Bam(OfDistance):
    """A power of distance as the log of a prior, exponent and scale learned per head (arXiv 2505.22842).

    Adds two parameters per head, 0 at first, which means no position. The prior's centre stays at 0, as in the authors'
    code by default. The authors use the prior with ``scalable-softmax``, whose ``s log n`` also multiplies their prior;
    here ``s log n`` multiplies only the products of queries and keys.
    """

    traits = PositionTraits(evidence="code")
    EPS = 1e-5

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.scale = nn.Parameter(torch.zeros(sizes.heads))
        self.exponent = nn.Parameter(torch.zeros(sizes.heads))

    def of_distance(self, distance: Float[Tensor, " distances"]) -> Float[Tensor, "heads distances"]:
        """Compute the logarithm of the prior."""
        scale, exponent = (in_float32(value)[:, None] for value in (self.scale, self.exponent))
        return -scale.exp() * (distance + self.EPS) ** exponent
