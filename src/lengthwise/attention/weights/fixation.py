r"""Feature fixation: linear attention whose queries and keys are gated feature by feature (arXiv 2210.08164).

With :math:`\phi(x) = [x]_+ + d^{-1/2}` for heads of width d, a token's features pass a gate that sees query, key and
value of the same token, :math:`g = [\phi(q); \phi(k); v]`:

.. math:: \hat q = \sigma(P g) \odot \phi(q), \qquad \hat k = \sigma(P g) \odot \phi(k), \qquad
          p_j = \frac{\hat q \cdot \hat k_j}{\sum_m \hat q \cdot \hat k_m}

Before the gate, neighbour association may replace some components of keys and values by those of neighbouring tokens.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.cache import LayerCache
from lengthwise.attention.call import Call, heads_of
from lengthwise.attention.layout import Layout
from lengthwise.attention.neighbours import neighbours
from lengthwise.attention.parts import Sizes
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import WeightsTraits
from lengthwise.attention.weights.linear import NormalisedProducts
from lengthwise.errors import InputError
from lengthwise.options import Value, option


class Fixation(NormalisedProducts):
    """Normalised products of gated features of queries and keys: linear attention (arXiv 2210.08164).

    Adds ``head_dim * (3 * head_dim + 1)`` parameters, the same for all heads, and twice as many with
    ``gate=separate``. ``gate=none`` is the authors' comparison, linear attention by plain features. Query heads that
    share a key gate it each for itself. As in the authors' code, a position part that turns queries and keys turns the
    gated features; the products can then be negative.

    With ``neighbours=n``, the first n-th of the components of each head's keys and values come from the token before;
    if a token sees both ways, the next n-th come from the token after. Beyond the ends of a document they are 0. The
    authors associate the frames of a video, by fourths or eighths.
    """

    traits = WeightsTraits(
        evidence="code",
        cross=False,  # a key is gated together with the query of its own token
        takes_bias=False,
        normalised=False,  # up to EPS
        permutation_invariant=False,  # with neighbours
        keys_enter_by_products=False,
        route="linear",
    )
    EPS = 1e-6

    class Options(NormalisedProducts.Options):
        gate: str = option("shared", among=("shared", "separate", "none"))
        """One gate for queries and keys, two separate gates, or none."""
        neighbours: int = option(0, at_least=0)
        """n, for an n-th of the components of keys and values from each neighbour; 0 for none."""

    options: Options

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        width = sizes.head_dim
        number = {"shared": 1, "separate": 2, "none": 0}[self.options.gate]
        self.associated = width // self.options.neighbours if self.options.neighbours else 0
        if self.options.neighbours and not 1 <= self.associated <= width // 2:
            raise InputError(
                f"The option neighbours of 'fixation' is 0, or at least 2 and at most the width of a head, {width}; "
                f"got {self.options.neighbours}."
            )
        self.gates = nn.ModuleList(nn.Linear(3 * width, width) for _ in range(number))

    def associate(
        self,
        key: Float[Tensor, "batch kv_heads new head_dim"],
        value: Float[Tensor, "batch kv_heads new head_dim"],
        layout: Layout,
        cache: LayerCache | None,
    ) -> tuple[Tensor, Tensor]:
        """Replace components of keys and values by those of neighbouring tokens."""
        if not self.associated or not key.numel():
            return key, value
        both = torch.stack([key, value], 1)
        # The token before, and the token after if it may be seen, by their places among the three of a window.
        places = (1,) if layout.causal else (0, 2)
        moved = both[..., : len(places) * self.associated]
        flat = moved.permute(0, 3, 1, 2, 4).flatten(2)
        if cache is not None:
            flat = cache.extend("associated", flat, axis=1)
        windows = neighbours(flat, layout, 3).unflatten(2, (2, key.shape[1], len(places), self.associated))
        taken = [windows[:, :, :, :, part, :, place] for part, place in enumerate(places)]
        mixed = torch.cat([*(of.permute(0, 2, 3, 1, 4) for of in taken), both[..., moved.shape[-1] :]], -1)
        return mixed[:, 0], mixed[:, 1]

    def prepare(
        self,
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads keys head_dim"],
        value: Float[Tensor, "batch kv_heads keys head_dim"],
    ) -> tuple[Tensor, Tensor]:
        """Compute the features of queries and keys, and gate them."""
        query, key = (F.relu(vectors) + vectors.shape[-1] ** -0.5 for vectors in (query, key))
        if not self.gates:
            return query, key
        key = heads_of(key, self.heads)
        seen = torch.cat([query, key, heads_of(value, self.heads)], -1)
        return self.gates[0](seen).sigmoid() * query, self.gates[-1](seen).sigmoid() * key

    def of_queries(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Return the queries, which are features already."""
        return in_float32(call.query)

    def of_keys(self, key: Float[Tensor, "batch heads keys head_dim"]) -> Float[Tensor, "batch heads keys head_dim"]:
        """Return the keys, which are features already."""
        return in_float32(key)

    def divisor(self, total: Float[Tensor, "batch heads queries 1"]) -> Float[Tensor, "batch heads queries 1"]:
        """Return the sum, a little larger."""
        return total + self.EPS
