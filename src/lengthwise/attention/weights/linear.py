r"""Linear attention: if weights are products, their weighted sum needs no weights.

:math:`\sum_j (q_i \cdot k_j)\,v_j = q_i \left(\sum_j k_j v_j^\top\right)`: in causal attention, the sum over keys runs
along with the queries. It runs from chunk to chunk; inside a chunk, products are cheaper.
"""

from abc import abstractmethod

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call, heads_of
from lengthwise.attention.parts import Sizes, Weights
from lengthwise.attention.traits import WeightsTraits
from lengthwise.options import Value

CHUNK = 64
"""Length of a chunk [tokens]."""


class LinearTime(Weights):
    """Base of the weights parts that attend in time linear in the number of tokens.

    With packed documents, and with dropout in training, they attend by the definition, in blocks of rows. The cache
    holds the sum over the tokens seen so far.
    """

    traits = WeightsTraits(takes_bias=False, route="linear")
    STATE = "sum_over_keys"

    @abstractmethod
    def summed(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values by :meth:`sums`."""

    @abstractmethod
    def features(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the features of keys and values that are multiplied and summed."""

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values; dropout acts on the weights, in training only."""
        if self.backend == "reference" or call.layout.documents is not None or (self.dropout and self.training):
            return super().forward(call)
        return self.summed(call).to(call.value.dtype)

    def sums(
        self, query: Float[Tensor, "*batch queries features"], call: Call
    ) -> Float[Tensor, "*batch queries components"]:
        """Sum over the keys that each query sees: the query's product with the key's features, times the value."""
        layout = call.layout
        if not layout.causal or (layout.queries == 1 and call.cache is None):  # every query sees all keys
            key, value = self.features(call.key, call.value)
            (queries, features), (keys, components) = query.shape[-2:], value.shape[-2:]
            # With few tokens, the scores are the smaller of the two products that can come first.
            if queries * keys * (features + components) < (queries + keys) * features * components:
                return query @ key.mT @ value
            return query @ (key.mT @ value)
        start, state = layout.start, None if call.cache is None else call.cache.state.get(self.STATE)
        if state is None:
            key, value = self.features(call.key[:, :, :start], call.value[:, :, :start])
            state = key.mT @ value
        key, value = self.features(call.key[:, :, start:], call.value[:, :, start:])
        sums, state = causal_sums(query, key, value, state)
        if call.cache is not None:
            call.cache.state[self.STATE] = state
        return sums


class NormalisedProducts(LinearTime):
    """Base of the weights that are products of features, divided by a function of their sum."""

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        self.heads = sizes.heads

    @abstractmethod
    def of_queries(self, call: Call) -> Float[Tensor, "batch heads queries features"]:
        """Compute the features of queries."""

    @abstractmethod
    def of_keys(self, key: Float[Tensor, "batch heads keys head_dim"]) -> Float[Tensor, "batch heads keys features"]:
        """Compute the features of keys, one for each head."""

    @abstractmethod
    def divisor(self, total: Float[Tensor, "batch heads queries 1"]) -> Float[Tensor, "batch heads queries 1"]:
        """Return what products are divided by, from their sum over the keys that a query sees."""

    def probabilities(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights by the definition."""
        key = self.of_keys(heads_of(call.key, self.heads))
        products = (self.of_queries(call) @ key.mT) * call.layout.visible()
        return products / self.divisor(products.sum(-1, keepdim=True))

    def features(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the features of keys, and append a 1 to values, whose sum is that of the products."""
        key = self.of_keys(heads_of(key, self.heads))
        return key, F.pad(heads_of(value, self.heads).to(key.dtype), (0, 1), value=1.0)

    def summed(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values from running sums of the products, times the values and alone."""
        sums = self.sums(self.of_queries(call), call)
        return sums[..., :-1] / self.divisor(sums[..., -1:])


def causal_sums(
    query: Float[Tensor, "*batch tokens features"],
    key: Float[Tensor, "*#batch tokens features"],
    value: Float[Tensor, "*#batch tokens components"],
    before: Float[Tensor, "*#batch features components"],
) -> tuple[Tensor, Tensor]:
    """Return for each token the sum over all tokens up to it, and the sum of outer products for later tokens.

    Args:
        query: queries of the newest tokens.
        key: keys of the same tokens.
        value: values of the same tokens.
        before: the sum of ``key value^T`` over all earlier tokens.
    """
    tokens = query.shape[-2]
    chunk = min(CHUNK, tokens)
    query, key, value = (
        F.pad(vectors, (0, 0, 0, -tokens % chunk)).unflatten(-2, (-1, chunk)) for vectors in (query, key, value)
    )
    states = torch.cat([before[..., None, :, :], key.mT @ value], -3).cumsum(-3)
    sums = query @ states[..., :-1, :, :] + (query @ key.mT).tril() @ value
    return sums.flatten(-3, -2)[..., :tokens, :], states[..., -1, :, :]
