"""LayerNorm and GELU between attention and output projection, as around normalised attention (arXiv 2005.09561)."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.outputs.layer_norm import LayerNorm
from lengthwise.attention.traits import OutputTraits
from lengthwise.options import option


class LayerNormGelu(LayerNorm):
    """LayerNorm with learned scale and shift, then GELU, as the authors of ``nap`` have (arXiv 2005.09561)."""

    traits = OutputTraits(evidence="code")

    class Options(LayerNorm.Options):
        eps: float = option(1e-3, above=0)
        """Added to the variance."""

    options: Options

    def forward(
        self, attended: Float[Tensor, "*rows components"], hidden: Float[Tensor, "*tokens dim"] | None = None
    ) -> Float[Tensor, "*rows components"]:
        """Compute the GELU, in its approximation by tanh, of the normalised values."""
        return F.gelu(super().forward(attended, hidden), approximate="tanh")
