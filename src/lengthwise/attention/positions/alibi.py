r"""Attention with linear biases (arXiv 2108.12409).

Head :math:`h` of :math:`H` adds :math:`-m_h\,(i - j)` to its scores, :math:`m_h = 2^{-8h/H}`. Where :math:`H` is no
power of two, the slopes are those of the next lower power of two, then every second one of the next higher.
"""

import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.parts import Evidence, Sizes
from lengthwise.attention.positions.distance import OfDistance


class Alibi(OfDistance):
    """A penalty on scores, linear in distance, one fixed slope per head (arXiv 2108.12409).

    No parameters.
    """

    evidence: ClassVar[Evidence] = "code"

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.slopes = slopes(sizes.heads)

    def of_distance(self, distance: Float[Tensor, " distances"]) -> Float[Tensor, "heads distances"]:
        """Minus the slope times the distance."""
        return -torch.tensor(self.slopes, dtype=distance.dtype, device=distance.device)[:, None] * distance


def slopes(heads: int) -> list[float]:
    """The slope of each head."""

    def geometric(count: int) -> list[float]:
        return [2.0 ** (-8.0 * head / count) for head in range(1, count + 1)]

    power = 2 ** math.floor(math.log2(heads))
    return geometric(power) + geometric(2 * power)[::2][: heads - power]
