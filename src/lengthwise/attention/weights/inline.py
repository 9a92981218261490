r"""InLine attention: linear attention made injective by subtracting the mean (arXiv 2412.06590).

The result is :math:`\frac{1}{n} z^\top V + (1 - \bar z)\,\bar v` with the scores :math:`z = q k / \sqrt d` over n
visible keys. The weights :math:`(z_j + 1 - \bar z) / n` sum to 1 and can be negative. Different queries have different
weights.
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
    """Scores minus their mean, plus 1, divided by the number of keys: linear attention (arXiv 2412.06590).

    No parameters. The authors made it for images, where all tokens see each other, and add a convolution over
    neighbours. Here there is no convolution, and causal means run over the keys that a query sees.
    """

    traits = WeightsTraits(evidence="code", takes_bias=False, route="linear")

    def probabilities(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights by the definition."""
        visible = call.layout.visible()
        number = visible.sum(-1, keepdim=True)
        mean = (call.products * visible).sum(-1, keepdim=True) / number
        return (call.products + 1 - mean) / number * visible

    def features(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Append a 1 to keys and values: the sums then contain the sums of keys and of values and their number."""
        key, value = (F.pad(in_float32(vectors), (0, 1), value=1.0)[:, :, None] for vectors in (key, value))
        return key, value

    def summed(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values from running sums of the scores times the values, and of the values alone."""
        width = call.query.shape[-1]
        query = F.pad(in_float32(call.query) / width**0.5, (0, 1)).unflatten(1, (call.key.shape[1], -1))
        ones = F.pad(torch.ones_like(query[:, :, :1, :, :1]), (width, 0))  # reads the sums of the 1 behind the keys
        sums = self.sums(torch.cat([query, ones], 2), call)
        (attended, scores), (values, number) = (
            part.split([part.shape[-1] - 1, 1], -1) for part in (sums[:, :, :-1], sums[:, :, -1:])
        )
        return ((attended + (1 - scores / number) * values) / number).flatten(1, 2)
