"""Gated attention: attended values times a sigmoid gate computed from the layer's input (arXiv 2505.06708)."""

import math

from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.parts import Output
from lengthwise.attention.traits import OutputTraits
from lengthwise.options import Value


class Gate(Output):
    """A sigmoid gate per component, computed from the layer's input (arXiv 2505.06708).

    Adds ``dim * width`` parameters.
    """

    traits = OutputTraits(evidence="code", reads_input=True)

    def __init__(self, shape: tuple[int, ...], dim: int, **options: Value) -> None:
        super().__init__(shape, dim, **options)
        self.shape = shape
        self.gate = nn.Linear(dim, self.gates(shape), bias=False)

    @staticmethod
    def gates(shape: tuple[int, ...]) -> int:
        """Return the number of gates."""
        return math.prod(shape)

    def forward(
        self, attended: Float[Tensor, "*rows components"], hidden: Float[Tensor, "*tokens dim"] | None = None
    ) -> Float[Tensor, "*rows components"]:
        """Compute ``attended * sigmoid(W hidden)``."""
        assert hidden is not None
        return attended * self.gate(hidden).sigmoid().unflatten(-1, (*self.shape[:-1], -1))


class HeadGate(Gate):
    """A sigmoid gate per head, computed from the layer's input (arXiv 2505.06708).

    Adds ``dim * heads`` parameters.
    """

    traits = OutputTraits(evidence="code", reads_input=True, by_head=True)

    @staticmethod
    def gates(shape: tuple[int, ...]) -> int:
        """Return the number of heads."""
        return shape[0]
