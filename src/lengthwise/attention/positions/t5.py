r"""Relative position bias as in T5 (arXiv 1910.10683): one learned number per head and bucket of distances.

With the default 32 buckets, distances below 16 have a bucket each. The other 16 buckets grow geometrically up to
distance 128, and the last bucket takes all larger
distances: :math:`16 + \lfloor 16 \log(t / 16) / \log(128 / 16) \rfloor`.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lengthwise.attention.parts import Sizes
from lengthwise.attention.positions.distance import OfDistance
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import PositionTraits
from lengthwise.errors import InputError
from lengthwise.options import Value, option


class T5(OfDistance):
    """A learned bias per head for each of a few buckets of distance (arXiv 1910.10683).

    Adds ``buckets * heads`` parameters in every layer, while T5 shares one table among its layers. Scores are scaled as
    usual; T5 does not scale them. A distance ahead has the same bucket as that distance behind.
    """

    traits = PositionTraits(evidence="third-party")

    class Options(OfDistance.Options):
        buckets: int = option(32, at_least=2)
        """Number of buckets; half of them hold one distance each."""
        max_distance: int = option(128, at_least=2)
        """Distance from which on all distances share the last bucket; larger than half the buckets."""

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.max_distance <= self.buckets // 2:
                raise InputError(
                    f"The option max_distance of t5 is larger than half the buckets, {self.buckets // 2}; "
                    f"got {self.max_distance}."
                )

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.table = nn.Parameter(torch.randn(sizes.heads, self.options.buckets) * sizes.dim**-0.5)

    def of_distance(self, distance: Float[Tensor, " distances"]) -> Float[Tensor, "heads distances"]:
        """Look the distances' buckets up in the table."""
        return in_float32(self.table)[:, self.bucket(distance)]

    def bucket(self, distance: Float[Tensor, " distances"]) -> Int[Tensor, " distances"]:
        """Compute the bucket of each distance."""
        buckets, farthest = self.options.buckets, self.options.max_distance
        own = buckets // 2
        octaves = (distance.clamp(min=own) / own).log() / math.log(farthest / own)
        shared = own + (octaves * (buckets - own)).long()
        return torch.where(distance < own, distance.long(), shared.clamp(max=buckets - 1))
