"""The plain output: attended values as they are."""

from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.parts import Output


class Unchanged(Output):
    """The attended values as they are."""

    def forward(
        self, attended: Float[Tensor, "*rows components"], hidden: Float[Tensor, "*tokens dim"] | None = None
    ) -> Float[Tensor, "*rows components"]:
        """The same values."""
        return attended
