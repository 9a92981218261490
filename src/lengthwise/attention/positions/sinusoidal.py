r"""Sinusoidal position embedding (arXiv 1706.03762, section 3.5).

Position :math:`t` is encoded by :math:`\sin(t\,\omega_m)` and :math:`\cos(t\,\omega_m)`, :math:`\omega_m = b^{-2m/d}`,
in the components :math:`2m` and :math:`2m + 1` of the embedding; the base :math:`b` is 10,000 by default.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.attention.parts import Embedding, Sizes
from lengthwise.errors import InputError
from lengthwise.ops.problem import at_least_float32
from lengthwise.options import Value, option


class Sinusoidal(Embedding):
    """Sines and cosines of the position, added to the token embeddings (arXiv 1706.03762).

    No parameters; the width of the model must be even. As in the paper, token embeddings are first scaled by the root
    of the width, so that they are about as large as the waves.
    """

    class Options(Embedding.Options):
        base: float = option(10_000, above=1)
        """Base of the frequencies: a larger base makes the slow waves slower."""

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        if sizes.dim % 2:
            raise InputError(f"sinusoidal has sines and cosines in pairs: dim must be even, got {sizes.dim}.")

    def embed(
        self, stream: Float[Tensor, "batch tokens dim"], positions: Int[Tensor, "#batch tokens"]
    ) -> Float[Tensor, "batch tokens dim"]:
        """Scale the embeddings by the root of their width, and add the waves of the position."""
        width, dtype = stream.shape[-1], at_least_float32(stream.dtype)
        pairs = torch.arange(0, width, 2, dtype=dtype, device=stream.device)
        angles = positions[..., None] * self.options.base ** -(pairs / width)
        waves = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)
        return stream * width**0.5 + waves.to(stream.dtype)
