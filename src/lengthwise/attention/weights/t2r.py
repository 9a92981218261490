r"""T2R, from transformers to recurrent networks: linear attention whose features are learned (arXiv 2103.13076).

The weights are :math:`\phi(q / \sqrt{d})\cdot\phi(k) / \sum_j \phi(q / \sqrt{d})\cdot\phi(k_j)` with
:math:`\phi(x) = [W x + b]_+`, head by head, where :math:`d` is the width of a head.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Sizes
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import WeightsTraits
from lengthwise.attention.weights.linear import NormalisedProducts
from lengthwise.options import Value


class T2R(NormalisedProducts):
    """Normalised products of learned features of queries and keys: linear attention (arXiv 2103.13076).

    Adds ``heads * head_dim * (head_dim + 1)`` parameters: a one-layer perceptron for each head, the same for queries
    and keys, with as many features as components. As in the authors' code, the sum that weights are divided by is at
    least 0.01, so that a query that shares no feature with any key gets zeros. The authors put T2R into a trained
    transformer, fine-tune it, and choose the number of features. Positions act before the features.
    """

    traits = WeightsTraits(
        evidence="code",
        normalised=False,  # a query may share few features with all keys
        sparse=True,
        keys_enter_by_products=False,
        takes_bias=False,
        route="linear",
    )
    LEAST = 1e-2
    """The least sum of products that weights are divided by."""

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        bound = sizes.head_dim**-0.5  # as nn.Linear is initialised
        self.weight = nn.Parameter(torch.empty(sizes.heads, sizes.head_dim, sizes.head_dim).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(sizes.heads, 1, sizes.head_dim).uniform_(-bound, bound))

    def of_keys(self, key: Float[Tensor, "batch heads keys head_dim"]) -> Float[Tensor, "batch heads keys features"]:
        """Compute the perceptron of keys."""
        key = in_float32(key)
        return F.relu(key @ self.weight.to(key.dtype) + self.bias.to(key.dtype))

    def of_queries(self, call: Call) -> Float[Tensor, "batch heads queries features"]:
        """Compute the perceptron of queries divided by the root of their width: with a bias, the scale matters."""
        return self.of_keys(in_float32(call.query) / call.query.shape[-1] ** 0.5)

    def divisor(self, total: Float[Tensor, "batch heads queries 1"]) -> Float[Tensor, "batch heads queries 1"]:
        """Return the sum, or the least divisor if it is larger."""
        return total.clamp(min=self.LEAST)
