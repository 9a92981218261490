r"""Rotary position embedding (arXiv 2104.09864).

Component pair :math:`(x_m, x_{m + d/2})` of a query or key at position :math:`t` turns by the angle
:math:`t\,\theta_m`, :math:`\theta_m = b^{-2m/d}`, so that a score depends on the positions only through the distance of
the two tokens. The base :math:`b` is 10,000 by default; recent language models use 500,000 (arXiv 2407.21783) or more.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.attention.parts import Rotation, Sizes
from lengthwise.attention.traits import PositionTraits
from lengthwise.errors import InputError
from lengthwise.ops.problem import at_least_float32
from lengthwise.ops.rowwise import rotate
from lengthwise.options import Value, option


class Rope(Rotation):
    """Queries and keys rotated by their position (arXiv 2104.09864).

    No parameters; ``head_dim`` must be even.
    """

    traits = PositionTraits(evidence="code")

    class Options(Rotation.Options):
        base: float = option(10_000, above=1)
        """Base of the frequencies: a larger base makes the slow pairs of components turn slower."""

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        if sizes.head_dim % 2:
            raise InputError(f"rope turns components in pairs: head_dim must be even, got {sizes.head_dim}.")

    def frequencies(
        self, width: int, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> Float[Tensor, " pairs"]:
        """Compute the angle per position of each pair of components [radians]."""
        if width % 2:  # weights that split heads have narrower queries than the layer
            raise InputError(f"Components turn in pairs: queries and keys must be evenly wide, got {width}.")
        # Computed in every call: a buffer would lose precision when the model is cast to bfloat16.
        return self.options.base ** -(torch.arange(0, width, 2, dtype=dtype, device=device) / width)

    def turn(
        self,
        query: Float[Tensor, "batch heads tokens head_dim"],
        key: Float[Tensor, "batch kv_heads tokens head_dim"],
        positions: Int[Tensor, "#batch tokens"],
    ) -> tuple[Tensor, Tensor]:
        """Turn queries and keys by their angles, computed in float32 or better."""
        frequencies = self.frequencies(query.shape[-1], query.device, at_least_float32(query.dtype))
        angles = (positions[..., None] * frequencies)[:, None]
        cosine, sine = angles.cos(), angles.sin()
        return rotate(query, cosine, sine), rotate(key, cosine, sine)
