r"""KERPLE: a learned kernel of distance, here the logarithmic one (arXiv 2205.09921).

Head :math:`h` adds :math:`-p_h \log(1 + a_h |i - j|)` to its scores, with :math:`p_h` and :math:`a_h` at least 0.01.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.parts import Sizes
from lengthwise.attention.positions.distance import OfDistance
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import PositionTraits
from lengthwise.options import Value


class Kerple(OfDistance):
    """A penalty on the logarithm of distance, with strength and scale learned per head (arXiv 2205.09921).

    Adds two parameters per head: at first, the strength is uniform between 0 and 2, and the scale between 0 and 1.
    """

    traits = PositionTraits(evidence="code")
    LEAST = 0.01

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.strength = nn.Parameter(2 * torch.rand(sizes.heads))
        self.scale = nn.Parameter(torch.rand(sizes.heads))

    def of_distance(self, distance: Float[Tensor, " distances"]) -> Float[Tensor, "heads distances"]:
        """Compute ``-p log(1 + a t)``."""
        strength, scale = (self.at_least(value)[:, None] for value in (self.strength, self.scale))
        return -strength * (scale * distance).log1p()

    def at_least(self, value: Float[Tensor, " heads"]) -> Float[Tensor, " heads"]:
        """Mirror a value that is too small. The authors clamp in place; here, clamping would stop the gradient."""
        return self.LEAST + (in_float32(value) - self.LEAST).abs()
