"""Layer normalisation of the attended values, whose variance vanishes with length (arXiv 2504.02827)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.parts import Output
from lengthwise.options import Value, option


class LayerNorm(Output):
    """LayerNorm with learned scale and shift (arXiv 2504.02827)."""

    class Options(Output.Options):
        eps: float = option(1e-5, above=0)
        """Added to the variance."""

    options: Options

    def __init__(self, shape: tuple[int, ...], dim: int, **options: Value) -> None:
        super().__init__(shape, dim, **options)
        self.scale = nn.Parameter(torch.ones(shape))
        self.shift = nn.Parameter(torch.zeros(shape))

    def forward(
        self, attended: Float[Tensor, "*rows components"], hidden: Float[Tensor, "*tokens dim"] | None = None
    ) -> Float[Tensor, "*rows components"]:
        """Compute ``scale * (x - mean) / sqrt(variance + eps) + shift``."""
        return torch.addcmul(self.shift, self.scale, F.layer_norm(attended, attended.shape[-1:], eps=self.options.eps))
