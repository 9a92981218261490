r"""InLine attention: linear attention made injective by subtracting the mean (arXiv 2412.06590).

The result is :math:`\frac{1}{n} z^\top V + (1 - \bar z)\,\bar v` with the scores :math:`z = q k / \sqrt d` over n
visible keys. The weights :math:`(z_j + 1 - \bar z) / n` sum to 1 and can be negative. Different queries have different
weights.

The authors add a local branch, :math:`\sum_t w_t \odot v_{i+t}` over neighbours: a kernel for each sequence and
channel, :math:`w = W_2\,\mathrm{GELU}(W_1 \bar x + b_1) + b_2`, from the mean :math:`\bar x` of the layer's inputs.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call, heads_of
from lengthwise.attention.neighbours import neighbours
from lengthwise.attention.parts import Sizes
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import WeightsTraits
from lengthwise.attention.weights.linear import LinearTime
from lengthwise.options import Value


class InLine(LinearTime):
    """Scores minus their mean, plus 1, divided by the number of keys: linear attention (arXiv 2412.06590).

    No parameters. The authors made it for images, where all tokens see each other; here, causal means run over the keys
    that a query sees. ``inline-local`` adds the authors' convolution over neighbours.
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


class InLineLocal(InLine):
    """InLine attention plus a convolution over neighbours, its kernel made from the mean input (arXiv 2412.06590).

    Adds ``4 * dim * (head_dim + 1)`` parameters. Here the kernel has 3 taps along the sequence, where images have 3 by
    3. In causal attention, the taps are the token and the two before it, and the kernel comes from a running mean. The
    mean is taken over the layer's input, which is normalised in this package's models; the authors' is not.
    """

    traits = WeightsTraits(evidence="code", cross=False, takes_bias=False, permutation_invariant=False, route="linear")
    TAPS = 3

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        self.kernel = nn.Sequential(
            nn.Conv1d(sizes.dim, sizes.dim, 1, groups=sizes.heads),
            nn.GELU(),
            nn.Conv1d(sizes.dim, self.TAPS * sizes.dim, 1, groups=sizes.heads),
        )

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values and add the local branch; dropout acts on the weights, in training only."""
        heads = call.query.shape[1]
        kernel = self.kernel(self._mean(call).mT).unflatten(1, (-1, self.TAPS)).permute(0, 3, 1, 2)
        values = heads_of(call.value, heads).transpose(1, 2).flatten(2)
        local = (kernel * neighbours(values, call.layout, self.TAPS)).sum(-1)
        return super().forward(call) + local.unflatten(-1, (heads, -1)).transpose(1, 2)

    def _mean(self, call: Call) -> Float[Tensor, "batch queries dim"]:
        """Compute the mean of the layer's input over the tokens that each query sees."""
        layout, sums = call.layout, in_float32(call.hidden).cumsum(1)
        if call.cache is not None:
            sums = call.cache.extend("sums_of_inputs", sums, axis=1)
            if layout.start:  # changes the buffer that the cache holds
                sums[:, layout.start :] += sums[:, layout.start - 1, None]
        own = slice(layout.start, layout.start + layout.queries)
        first = torch.arange(layout.keys, dtype=torch.long, device=layout.device)[own] - layout.index[:, own]
        sums, first = F.pad(sums, (0, 0, 1, 0)), first[..., None].expand_as(call.hidden)
        upto, before = (sums.gather(1, at) for at in (first + layout.seen[..., None], first))
        return ((upto - before) / layout.seen[..., None]).to(call.hidden.dtype)
