r"""Bayesian attention mechanism: position as a prior, a generalised Gaussian of distance (arXiv 2505.22842).

Head :math:`h` adds the logarithm of the prior of a key at distance :math:`t` to its scores,

.. math:: -e^{\alpha_h}\,(|t + 2 \sinh \mu_h| + \varepsilon)^{\beta_h}

With :math:`\beta_h = 1` the bias is that of ALiBi, and with :math:`\beta_h = 0` there is no position; with a negative
:math:`\beta_h`, a head ignores near keys. A negative :math:`\mu_h` moves the centre of the prior into the past.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.parts import Sizes
from lengthwise.attention.positions.alibi import slopes
from lengthwise.attention.positions.distance import OfDistance
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import PositionTraits
from lengthwise.options import Value


class Bam(OfDistance):
    """A power of distance as the log of a prior: scale, exponent and centre learned per head (arXiv 2505.22842).

    Adds three parameters per head. As in the training of the authors' code, the bias starts as ALiBi's: the exponent at
    1, the scale at the logarithm of ALiBi's slope, and the centre at 0. There one prior serves all layers; here each
    layer has its own. The authors use the prior with ``scalable-softmax``, whose ``s log n`` also multiplies their
    prior; here ``s log n`` multiplies only the products of queries and keys.
    """

    traits = PositionTraits(evidence="code")
    EPS = 1e-5

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.scale = nn.Parameter(torch.tensor(slopes(sizes.heads)).log())
        self.exponent = nn.Parameter(torch.ones(sizes.heads))
        self.centre = nn.Parameter(torch.zeros(sizes.heads))

    def of_distance(self, distance: Float[Tensor, " distances"]) -> Float[Tensor, "heads distances"]:
        """Compute the logarithm of the prior."""
        scale, exponent, centre = (in_float32(value)[:, None] for value in (self.scale, self.exponent, self.centre))
        return -scale.exp() * ((distance + 2 * centre.sinh()).abs() + self.EPS) ** exponent
