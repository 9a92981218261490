"""The base class of output parts, which treat the attended values."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.part import Part
from lengthwise.attention.traits import OutputTraits
from lengthwise.options import Value


class Output(Part):
    """Base of the output parts.

    Each is built from the shape of its parameters and from the width of the layer's input. The last number of the shape
    counts the components that the part treats together: ``(width,)`` over all heads side by side, ``(heads, head_dim)``
    head by head.
    """

    traits: ClassVar[OutputTraits] = OutputTraits()

    def __init__(self, shape: tuple[int, ...], dim: int, **options: Value) -> None:
        super().__init__(**options)

    def forward(
        self, attended: Float[Tensor, "*rows components"], hidden: Float[Tensor, "*tokens dim"] | None = None
    ) -> Float[Tensor, "*rows components"]:
        """Treat attended values, whose last axes are those of the part's shape; ``hidden`` is the layer's input."""
        raise NotImplementedError
