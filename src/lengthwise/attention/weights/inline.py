r"""InLine attention: linear attention made injective by taking the mean off (arXiv 2412.06590).

:math:`\frac{1}{n} z^\top V + (1 - \bar z)\,\bar v` with the scores :math:`z = q k / \sqrt d` over n visible keys: the
weights :math:`(z_j + 1 - \bar z) / n` sum to 1, and queries that differ have weights that differ. They can be negative.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import WeightsTraits
from lengthwise.attention.weights.linear import LinearTime


class InLine(LinearTime):
    """Scores less their mean, plus 1, over the number of keys: linear attention (arXiv 2412.06590).

    No parameters. Made for images, where all tokens see each other and a convolution over neighbours is added; here
    without that, and where causal with means over the keys that a query sees.
    """

    traits = WeightsTraits(evidence="code", takes_bias=False, route="linear")

    def probabilities(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """The definition."""
        visible = call.layout.visible()
        number = visible.sum(-1, keepdim=True)
        mean = (call.products * visible).sum(-1, keepdim=True) / number
        return (call.products + 1 - mean) / number * visible

    def features(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Both with a 1 behind them, which adds up to the sum of keys, the sum of values and their number."""
        key, value = (F.pad(in_float32(vectors), (0, 1), value=1.0)[:, :, None] for vectors in (key, value))
        return key, value

    def summed(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """By running sums: of the scores with the values, and of the values alone."""
        width = call.query.shape[-1]
        query = F.pad(in_float32(call.query) / width**0.5, (0, 1)).unflatten(1, (call.key.shape[1], -1))
        ones = F.pad(torch.ones_like(query[:, :, :1, :, :1]), (width, 0))  # asks for what the 1 behind the keys sums
        sums = self.sums(torch.cat([query, ones], 2), call)
        (attended, scores), (values, number) = (
            part.split([part.shape[-1] - 1, 1], -1) for part in (sums[:, :, :-1], sums[:, :, -1:])
        )
        return ((attended + (1 - scores / number) * values) / number).flatten(1, 2)
