r"""FIRE: a learned function of distance relative to how much there is to look back on (arXiv 2310.04418).

The score of :math:`i` and :math:`j` gets, head by head,

.. math:: f\left(\frac{\log(c\,|i - j| + 1)}{\log(c \max(i, L) + 1)}\right)

where :math:`f` is a small network with one hidden layer, and the threshold :math:`L` and :math:`c` are learned: the
argument stays between 0 and 1 however long a sequence is, and up to :math:`L` it depends on distance alone.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Bias, Sizes
from lengthwise.attention.precision import in_float32
from lengthwise.attention.rows import in_blocks_of_rows
from lengthwise.attention.traits import PositionTraits
from lengthwise.options import Value, option


class Fire(Bias):
    """A small network of the logarithm of distance over that of the query's position (arXiv 2310.04418).

    Adds ``33 * heads + 66`` parameters by default. The threshold begins at 512, as in the paper's listing, or, where
    that is less, at a quarter of a training sequence, so that queries beyond it are trained on. Looking ahead, the
    later position of the two takes the place of the query's.
    """

    traits = PositionTraits(evidence="third-party")
    EPS = 1e-6

    class Options(Bias.Options):
        width: int = option(32, at_least=1)
        """Of the network's hidden layer."""
        threshold: float = option(512, above=0)
        """Where the threshold begins, in tokens; at most at a quarter of a training sequence."""

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        width, threshold = self.options.width, self.options.threshold
        self.first, self.second = nn.Linear(1, width), nn.Linear(width, sizes.heads)
        self.scale = nn.Parameter(torch.tensor(0.1))
        self.threshold = nn.Parameter(torch.tensor(1.0))  # in units of what it is at first
        self.unit = threshold if sizes.context is None else min(threshold, sizes.context / 4)

    def of(self, call: Call) -> Float[Tensor, "#batch heads queries keys"]:
        """The function of every pair, for a few queries at a time: its hidden layer is wider than there are heads."""

        def block(start: int, stop: int) -> Tensor:
            return self.function(self.relative(call, start, stop))

        batch = 1 if call.layout.counted else call.query.shape[0]
        return in_blocks_of_rows(block, call.layout, batch * call.layout.keys * self.options.width)

    def relative(self, call: Call, start: int, stop: int) -> Float[Tensor, "#batch queries keys"]:
        """The argument of the function, for queries ``start`` to ``stop``."""
        scale = in_float32(self.scale).abs()
        query, key = call.layout.query_positions[:, start:stop, None], call.layout.key_positions[:, None]
        farthest = query if call.layout.causal else torch.maximum(query, key)
        farthest = torch.maximum(farthest, (in_float32(self.threshold) * self.unit).abs())
        return (scale * (query - key).abs()).log1p() / ((scale * farthest).log1p() + self.EPS)

    def function(self, relative: Float[Tensor, "#batch queries keys"]) -> Float[Tensor, "#batch heads queries keys"]:
        """The function, pair by pair: every layer's values lie next to each other, as those of the scores do."""
        first, second = (
            torch.cat([in_float32(layer.weight), in_float32(layer.bias)[:, None]], 1).expand(relative.shape[0], -1, -1)
            for layer in (self.first, self.second)
        )
        argument = F.pad(relative.flatten(1)[:, None], (0, 0, 0, 1), value=1.0)  # a 1 takes the shift
        return (second[..., :-1] @ (first @ argument).relu_() + second[..., -1:]).unflatten(2, relative.shape[1:])
