r"""T2R, from transformers to recurrent networks: linear attention whose features are learned (arXiv 2103.13076).

The weights are :math:`\phi(q / \sqrt{d})\cdot\phi(k) / \sum_j \phi(q / \sqrt{d})\cdot\phi(k_j)` with
:math:`\phi(x) = [W x + b]_+`, head by head, where :math:`d` is the width of a head.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call, heads_of
from lengthwise.attention.parts import Sizes
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import WeightsTraits
from lengthwise.attention.weights.linear import LinearTime
from lengthwise.options import Value


class T2R(LinearTime):
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

    def phi(
        self, vectors: Float[Tensor, "batch heads tokens head_dim"]
    ) -> Float[Tensor, "batch heads tokens features"]:
        """Compute the features of keys, or of queries that are scaled as in :meth:`phi_of_queries`."""
        vectors = in_float32(vectors)
        return F.relu(vectors @ self.weight.to(vectors.dtype) + self.bias.to(vectors.dtype))

    def phi_of_queries(self, call: Call) -> Float[Tensor, "batch heads queries features"]:
        """Compute the features of queries divided by the root of their width: with a bias, the scale matters."""
        return self.phi(in_float32(call.query) / call.query.shape[-1] ** 0.5)

    def probabilities(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights by the definition."""
        query, key = self.phi_of_queries(call), self.phi(heads_of(call.key, call.query.shape[1]))
        products = (query @ key.mT) * call.layout.visible()
        return products / products.sum(-1, keepdim=True).clamp(min=self.LEAST)

    def features(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the features of keys, and append a 1 to values, whose sum is the normaliser."""
        heads = self.weight.shape[0]
        key = self.phi(heads_of(key, heads))
        return key, F.pad(heads_of(value, heads).to(key.dtype), (0, 1), value=1.0)

    def summed(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values from running sums of the products, times the values and alone."""
        sums = self.sums(self.phi_of_queries(call), call)
        return sums[..., :-1] / sums[..., -1:].clamp(min=self.LEAST)
