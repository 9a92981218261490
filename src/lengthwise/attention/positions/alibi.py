r"""Attention with linear biases (arXiv 2108.12409).

Head :math:`h` of :math:`H` adds :math:`-m_h\,(i - j)` to its scores, by default :math:`m_h = 2^{-8h/H}`. If :math:`H`
is not a power of two, the slopes are those of the next lower power of two, followed by every second slope of the next
higher power.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Sizes
from lengthwise.attention.positions.distance import OfDistance
from lengthwise.attention.traits import PositionTraits
from lengthwise.ops.problem import at_least_float32
from lengthwise.options import Value, option


class Sloped(OfDistance):
    """A penalty on scores, linear in distance; a subclass sets the slopes of the heads."""

    slopes: list[float]

    def of_distance(self, distance: Float[Tensor, " distances"]) -> Float[Tensor, "heads distances"]:
        """Compute minus the slope times the distance."""
        return -torch.tensor(self.slopes, dtype=distance.dtype, device=distance.device)[:, None] * distance

    def log_forget(self, call: Call) -> Float[Tensor, "batch heads keys"] | None:
        """Return minus the slope for every key, if a token's position is its index in its document."""
        if call.layout.positions is not None:
            return None
        lost = -torch.tensor(self.slopes, dtype=at_least_float32(call.query.dtype), device=call.query.device)
        return lost[:, None].expand(len(call.query), -1, call.layout.keys)


class Alibi(Sloped):
    """A penalty on scores, linear in distance, with a fixed slope per head (arXiv 2108.12409).

    No parameters.
    """

    traits = PositionTraits(evidence="code")

    class Options(Sloped.Options):
        bias_max: float = option(8, above=0)
        """The last head's slope is ``2 ** -bias_max``."""

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.slopes = slopes(sizes.heads, self.options.bias_max)


def slopes(heads: int, bias_max: float = 8.0) -> list[float]:
    """Return the slope of each head."""

    def geometric(count: int) -> list[float]:
        return [2.0 ** (-bias_max * head / count) for head in range(1, count + 1)]

    power = 2 ** math.floor(math.log2(heads))
    return geometric(power) + geometric(2 * power)[::2][: heads - power]
