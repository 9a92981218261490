"""The default output: attended values stay unchanged."""

from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.parts import Output


class Unchanged(Output):
    """The attended values stay unchanged."""

    def forward(
        self, attended: Float[Tensor, "*rows components"], hidden: Float[Tensor, "*tokens dim"] | None = None
    ) -> Float[Tensor, "*rows components"]:
        """Return the same values."""
        return attended
