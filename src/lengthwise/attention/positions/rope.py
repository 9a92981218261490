r"""Rotary position embedding (arXiv 2104.09864).

Component pair :math:`(x_m, x_{m + d/2})` of a query or key at position :math:`t` turns by the angle
:math:`t\,\theta_m`, :math:`\theta_m = 10000^{-2m/d}`, so that a score depends on the distance of the two tokens alone.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.attention.parts import Position, Sizes
from lengthwise.errors import InputError


class Rotary(Position):
    """Queries and keys rotated by their position (arXiv 2104.09864).

    No parameters; ``head_dim`` must be even.
    """

    BASE = 10_000.0

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        if sizes.head_dim % 2:
            raise InputError(f"rope turns components in pairs: head_dim must be even, got {sizes.head_dim}.")

    def turn(
        self, vectors: Float[Tensor, "batch heads tokens head_dim"], positions: Int[Tensor, "#batch tokens"]
    ) -> Float[Tensor, "batch heads tokens head_dim"]:
        """The vectors turned by their angles, computed in float32."""
        width = vectors.shape[-1]
        # Made anew at each call: a buffer would lose its precision when the model is cast to bfloat16.
        frequencies = self.BASE ** -(torch.arange(0, width, 2, device=vectors.device) / width)
        angles = (positions[..., None] * frequencies)[:, None]
        cosine, sine = angles.cos(), angles.sin()
        first, second = vectors.float().chunk(2, dim=-1)
        turned = torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
        return turned.to(vectors.dtype)
