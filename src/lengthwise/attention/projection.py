"""The last step of a layer: from the attended values of all heads through output part and projection."""

from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.parts import Output
from lengthwise.attention.placement import Placement


class Projection(nn.Module):
    """The output projection ``matrix``, with the output part ``output`` before or after it."""

    def __init__(self, matrix: nn.Module, output: Output, placement: Placement) -> None:
        super().__init__()
        self.matrix = matrix
        self.output = output
        self.placement = placement

    def forward(
        self, attended: Float[Tensor, "batch heads queries head_dim"], hidden: Float[Tensor, "batch queries dim"]
    ) -> Float[Tensor, "batch queries dim"]:
        """Compute the layer's output; ``hidden`` is the layer's input."""
        attended = attended.transpose(1, 2)
        if self.placement == "heads":
            attended = self.output(attended, hidden)
        attended = attended.flatten(2)
        if self.placement == "width":
            attended = self.output(attended, hidden)
        projected = self.matrix(attended)
        return self.output(projected, hidden) if self.placement == "projected" else projected
