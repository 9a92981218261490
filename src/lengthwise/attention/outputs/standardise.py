"""Standardised attended values: LayerNorm without its learned part, the other half of that ablation."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.parts import Output
from lengthwise.options import option


class Standardise(Output):
    """Attended values with mean 0 and variance 1 over the components, nothing learned (arXiv 2504.02827)."""

    class Options(Output.Options):
        eps: float = option(1e-5, above=0)
        """Added to the variance."""

    options: Options

    def forward(
        self, attended: Float[Tensor, "*rows components"], hidden: Float[Tensor, "*tokens dim"] | None = None
    ) -> Float[Tensor, "*rows components"]:
        """Compute ``(x - mean) / sqrt(variance + eps)``."""
        return F.layer_norm(attended, attended.shape[-1:], eps=self.options.eps)
