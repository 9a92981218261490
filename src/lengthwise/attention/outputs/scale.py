"""What LayerNorm learns without what it normalises: the other half of the ablation of arXiv 2504.02827."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.parts import Output
from lengthwise.options import Value


class Scale(Output):
    """A learned scale per component and no normalisation: the control of the norms (arXiv 2504.02827)."""

    def __init__(self, shape: tuple[int, ...], dim: int, **options: Value) -> None:
        super().__init__(shape, dim, **options)
        self.scale = nn.Parameter(torch.ones(shape))

    def forward(
        self, attended: Float[Tensor, "*rows components"], hidden: Float[Tensor, "*tokens dim"] | None = None
    ) -> Float[Tensor, "*rows components"]:
        """``scale * x``."""
        return self.scale * attended
