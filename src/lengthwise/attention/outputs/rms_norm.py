"""RMS normalisation of the attended values, which does not subtract the mean (arXiv 1910.07467)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.parts import Output
from lengthwise.ops.rowwise import rms_norm
from lengthwise.options import Value, option


class RMSNorm(Output):
    """RMSNorm with a learned scale (arXiv 1910.07467)."""

    class Options(Output.Options):
        eps: float = option(1e-5, above=0)
        """Added to the mean square."""

    options: Options

    def __init__(self, shape: tuple[int, ...], dim: int, **options: Value) -> None:
        super().__init__(shape, dim, **options)
        self.scale = nn.Parameter(torch.ones(shape))

    def forward(
        self, attended: Float[Tensor, "*rows components"], hidden: Float[Tensor, "*tokens dim"] | None = None
    ) -> Float[Tensor, "*rows components"]:
        """Compute ``scale * x / sqrt(mean(x^2) + eps)``."""
        return self.scale * rms_norm(attended, eps=self.options.eps)
