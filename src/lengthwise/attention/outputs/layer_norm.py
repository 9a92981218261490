"""Layer normalisation of the attended values, against their variance vanishing with length (arXiv 2504.02827)."""

from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.parts import Output, Sizes


class LayerNorm(Output):
    """LayerNorm over all heads side by side, with learned scale and shift (arXiv 2504.02827)."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.norm = nn.LayerNorm(sizes.heads * sizes.head_dim)

    def forward(self, attended: Float[Tensor, "batch queries width"]) -> Float[Tensor, "batch queries width"]:
        """The normalised values."""
        return self.norm(attended)
