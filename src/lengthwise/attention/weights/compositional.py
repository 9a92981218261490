r"""Compositional attention: each search chooses among the values of all heads (arXiv 2110.09419).

Search s has weights :math:`A_s`, which can retrieve each of R values, :math:`O_{sr} = A_s V_r`. A second attention
chooses among the retrieved values, :math:`\sum_r \mathrm{softmax}_r(q_s \cdot W O_{sr} / \sqrt{w})\,O_{sr}`, with
queries :math:`q_s` computed from the layer's input, by default :math:`w = 16` wide.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Sizes, Weights
from lengthwise.attention.traits import WeightsTraits
from lengthwise.attention.weights.softmax import Softmax
from lengthwise.options import Value, option


class Compositional(Softmax):
    """Each query head attends to the values of every key head, and chooses among them (arXiv 2110.09419).

    Adds ``width * (heads * (dim + 1) + head_dim + 1)`` parameters. The query heads are the searches, and the
    ``kv_heads`` value heads are the retrievals. Searches share keys as grouped heads do.
    """

    traits = WeightsTraits(
        evidence="code",
        keys_enter_by_products=False,  # the choice depends on the values
        route="fused",
    )
    one_dropout = True

    class Options(Softmax.Options):
        width: int = option(16, at_least=1)
        """Width of the queries and keys by which a search chooses."""

    options: Options

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        self.choosing = nn.Linear(sizes.dim, sizes.heads * self.options.width)
        self.offering = nn.Linear(sizes.head_dim, self.options.width)

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values of each search, mixed over its retrievals."""
        retrievals = call.value.shape[1]
        if self.fuses(call):
            # One at a time: fused routines need values as wide as queries.
            values = (value.expand_as(call.value) for value in call.value.split(1, 1))
            found = torch.stack([super(Compositional, self).forward(replace(call, value=each)) for each in values], -2)
        else:
            side_by_side = call.value.transpose(1, 2).flatten(2)[:, None]
            found = Weights.forward(self, replace(call, value=side_by_side)).unflatten(-1, (retrievals, -1))
        return self._chosen(call.hidden, found)

    def _chosen(
        self,
        hidden: Float[Tensor, "batch queries dim"],
        found: Float[Tensor, "batch heads queries retrievals head_dim"],
    ) -> Float[Tensor, "batch heads queries head_dim"]:
        query = self.choosing(hidden).unflatten(-1, (-1, self.options.width)).transpose(1, 2)[..., None]
        chosen = (self.offering(found) @ query / self.options.width**0.5).softmax(-2)
        return (chosen * found).sum(-2)
