"""The learned part of LayerNorm without its normalisation: one half of the ablation of arXiv 2504.02827."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.parts import Output
from lengthwise.options import Value


class Scale(Output):
    """A learned scale per component without normalisation: the control for the norms (arXiv 2504.02827)."""

    def __init__(self, shape: tuple[int, ...], dim: int, **options: Value) -> None:
        super().__init__(shape, dim, **options)
        self.scale = nn.Parameter(torch.ones(shape))

    def forward(
        self, attended: Float[Tensor, "*rows components"], hidden: Float[Tensor, "*tokens dim"] | None = None
    ) -> Float[Tensor, "*rows components"]:
        """Compute ``scale * x``."""
        return self.scale * attended
