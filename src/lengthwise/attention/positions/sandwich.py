r"""Sandwich: the inner product of sinusoidal embeddings, as a bias of the scores (arXiv 2212.10356).

Head :math:`h` of :math:`H` adds :math:`\frac{H}{8h}\left(\sum_{k=1}^{64} \cos(t\,\omega_k) - 64\right)` at distance
:math:`t`, :math:`\omega_k = 10000^{-k/64}`: embeddings 128 wide, whatever the width of the model. It is 0 at distance 0
and falls like a logarithm.
"""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.parts import Evidence, Sizes
from lengthwise.attention.positions.distance import OfDistance


class Sandwich(OfDistance):
    """A fixed penalty that grows like the logarithm of distance, less with every head (arXiv 2212.10356).

    No parameters.
    """

    evidence: ClassVar[Evidence] = "third-party"
    WAVES = 64

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.heads = sizes.heads

    def of_distance(self, distance: Float[Tensor, " distances"]) -> Float[Tensor, "heads distances"]:
        """The inner product of the waves less its value at 0, scaled by head."""
        dtype, device = distance.dtype, distance.device
        frequencies = 10_000.0 ** -(torch.arange(1, self.WAVES + 1, dtype=dtype, device=device) / self.WAVES)
        product = (distance[:, None] * frequencies).cos().sum(-1) - self.WAVES
        scale = self.heads / (8 * torch.arange(1, self.heads + 1, dtype=dtype, device=device))
        return scale[:, None] * product
