r"""Relative position bias as in T5 (arXiv 1910.10683): one learned number per head and bucket of distances.

Distances below 16 have a bucket each; beyond, the 16 others grow geometrically up to distance 128, and the last one
takes all that is farther: :math:`16 + \lfloor 16 \log(t / 16) / \log(128 / 16) \rfloor`.
"""

import math
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lengthwise.attention.parts import Evidence, Sizes
from lengthwise.attention.positions.distance import OfDistance
from lengthwise.attention.precision import in_float32


class Buckets(OfDistance):
    """A learned bias per head for each of 32 buckets of distance (arXiv 1910.10683).

    Adds ``32 * heads`` parameters in every layer, where T5 shares one table among its layers. Scores are scaled as
    always here; T5 leaves them as they are. Looking ahead, a distance has the bucket that it has behind.
    """

    evidence: ClassVar[Evidence] = "third-party"
    BUCKETS = 32
    FARTHEST = 128

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.table = nn.Parameter(torch.randn(sizes.heads, self.BUCKETS) * sizes.dim**-0.5)

    def of_distance(self, distance: Float[Tensor, " distances"]) -> Float[Tensor, "heads distances"]:
        """What the table has for their buckets."""
        return in_float32(self.table)[:, self.bucket(distance)]

    def bucket(self, distance: Float[Tensor, " distances"]) -> Int[Tensor, " distances"]:
        """The bucket of each distance."""
        own = self.BUCKETS // 2
        octaves = (distance.clamp(min=own) / own).log() / math.log(self.FARTHEST / own)
        shared = own + (octaves * own).long()
        return torch.where(distance < own, distance.long(), shared.clamp(max=self.BUCKETS - 1))
