"""No position encoding: order reaches a model through the causal mask alone."""

from lengthwise.attention.parts import Position


class Nope(Position):
    """No position encoding: order reaches the model through the causal mask alone (arXiv 2305.19466)."""
