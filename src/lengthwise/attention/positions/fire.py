r"""FIRE: a learned function of distance relative to the query's position (arXiv 2310.04418).

The bias of query :math:`i` and key :math:`j` is, head by head,

.. math:: f\left(\frac{\log(c\,|i - j| + 1)}{\log(c \max(i, L) + 1)}\right)

where :math:`f` is a small network with one hidden layer, and the threshold :math:`L` and the scale :math:`c` are
learned. The argument stays between 0 and 1 at every length, and depends on distance alone for queries up to :math:`L`.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Bias, Sizes
from lengthwise.attention.precision import in_float32
from lengthwise.attention.rows import in_blocks_of_rows
from lengthwise.attention.traits import PositionTraits
from lengthwise.ops.curve import Curve
from lengthwise.options import Value, option


class Fire(Bias):
    """A small network of log distance divided by the log of the query's position (arXiv 2310.04418).

    Adds ``33 * heads + 66`` parameters by default. The threshold begins at 512, as in the paper's listing, or at a
    quarter of a training sequence if that is less, so that training contains queries beyond the threshold. For keys
    ahead, the key's position takes the place of the query's position.
    """

    traits = PositionTraits(evidence="third-party")
    EPS = 1e-6

    class Options(Bias.Options):
        width: int = option(32, at_least=1)
        """Width of the network's hidden layer."""
        threshold: float = option(512, above=0)
        """Initial threshold; a quarter of a training sequence if that is less [tokens]."""

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        width, threshold = self.options.width, self.options.threshold
        self.first, self.second = Layer(1, width), Layer(width, sizes.heads)
        self.scale = nn.Parameter(torch.tensor(0.1))
        self.threshold = nn.Parameter(torch.tensor(1.0))  # in units of its initial value
        self.unit = threshold if sizes.context is None else min(threshold, sizes.context / 4)

    def of(self, call: Call) -> Float[Tensor, "#batch heads queries keys"]:
        """Compute the bias of every pair, a few queries at a time, because the hidden layer is wider than the heads."""

        def block(start: int, stop: int) -> Tensor:
            return self.function(self.relative(call, start, stop))

        batch = 1 if call.layout.counted else call.query.shape[0]
        return in_blocks_of_rows(block, call.layout, batch * call.layout.keys * self.options.width)

    def curve(self, call: Call) -> Curve | None:
        """Return the function, which is piecewise linear, if a token's position is its index in its document."""
        if call.layout.positions is not None:
            return None
        weight, shift = in_float32(self.first.weight)[:, 0], in_float32(self.first.bias)
        # A unit without weight bends nowhere.
        knots, order = (-shift / weight).detach().nan_to_num(torch.inf, torch.inf, -torch.inf).sort()
        passed = torch.ones(len(knots) + 1, len(knots), dtype=torch.bool, device=knots.device).tril(-1)
        weight, shift, second = weight[order], shift[order], in_float32(self.second.weight)[:, order]
        # A unit with a positive weight is active in the segments after its knot, another one in those before it.
        active = torch.where(weight == 0, shift > 0, passed == (weight > 0)).to(weight.dtype)
        distance = torch.arange(call.layout.keys, dtype=torch.long, device=knots.device)
        return Curve(
            knots,
            (second * weight) @ active.T,
            (second * shift) @ active.T + in_float32(self.second.bias)[:, None],
            self.compressed(distance),
            self.length(call.layout.query_positions),
        )

    def relative(self, call: Call, start: int, stop: int) -> Float[Tensor, "#batch queries keys"]:
        """Compute the argument of the function, for queries ``start`` to ``stop``."""
        query, key = call.layout.query_positions[:, start:stop, None], call.layout.key_positions[:, None]
        end = query if call.layout.causal else torch.maximum(query, key)
        return self.compressed((query - key).abs()) / self.length(end)

    def length(self, position: Int[Tensor, "*positions"]) -> Float[Tensor, "*positions"]:
        """Compute what divides the distances: the logarithm of the position, or of the threshold if that is farther."""
        farthest = torch.maximum(position, (in_float32(self.threshold) * self.unit).abs())
        return self.compressed(farthest) + self.EPS

    def compressed(self, distance: Num[Tensor, "*distances"]) -> Float[Tensor, "*distances"]:
        """Compute the logarithm of distances, which the scale turns from nearly linear to logarithmic."""
        return (in_float32(self.scale).abs() * distance).log1p()

    def function(self, relative: Float[Tensor, "#batch queries keys"]) -> Float[Tensor, "#batch heads queries keys"]:
        """Apply the function to every pair, with pairs along the last axis in every layer, as in the scores."""
        first, second = (
            torch.cat([in_float32(layer.weight), in_float32(layer.bias)[:, None]], 1).expand(relative.shape[0], -1, -1)
            for layer in (self.first, self.second)
        )
        argument = F.pad(relative.flatten(1)[:, None], (0, 0, 0, 1), value=1.0)  # the 1 is for the layer's bias
        return (second[..., :-1] @ (first @ argument).relu_() + second[..., -1:]).unflatten(2, relative.shape[1:])


class Layer(nn.Module):
    """Weights of a linear layer that are read and never called, so that no adapter is put around the layer in vain."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        drawn = nn.Linear(inputs, outputs)
        self.weight, self.bias = drawn.weight, drawn.bias
