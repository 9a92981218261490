r"""Hadamard attention: products of a token's own query and key, and convolutions over neighbours (arXiv 2501.01023).

With queries and keys of :math:`D + D/2 + D/4` components, all heads side by side, normalised to length 1,

.. math:: [w_0; w_1; w_2] = \mathrm{ELU}(q \odot k), \qquad k_0 = w_0 \odot v + v, \qquad
          k_i = w_i \odot \mathrm{conv}_i(k_{i-1}), \qquad y = W\,[k_0; k_1; k_2]

where the two convolutions have 3 and 5 taps, and halve the width. The authors call the ELU a dense attention kernel.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call, heads_of
from lengthwise.attention.neighbours import neighbours
from lengthwise.attention.parts import Sizes, Weights
from lengthwise.attention.traits import WeightsTraits
from lengthwise.errors import InputError
from lengthwise.options import Value


class Hadamard(Weights):
    """Values gated by products of own queries and keys, and convolved over 3 and 5 tokens (arXiv 2501.01023).

    Adds ``5.375 * dim * dim + 0.75 * dim`` parameters. No query meets a key of another token: a layer sees 6 tokens
    back (in bidirectional attention, 3 to each side) and no farther, in time linear in the number of tokens. The
    authors match stereo images, with convolutions of 3 by 3 and 5 by 5. Two linear maps in a row are one here, and the
    temperature, which the normalisation undoes, is left out. There are no weights, so that dropout acts on the gates.
    """

    traits = WeightsTraits(
        evidence="code",
        cross=False,
        takes_bias=False,
        weighs=False,
        normalised=False,
        sparse=True,
        permutation_invariant=False,
        keys_enter_by_products=False,
        route="linear",
    )

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        if sizes.dim % 4:
            raise InputError(f"'hadamard' halves its width twice: dim must be a multiple of 4, got {sizes.dim}.")
        self.widths = (sizes.dim, sizes.dim // 2, sizes.dim // 4)
        self.finer = nn.Linear(sizes.dim, 2 * sum(self.widths[1:]), bias=False)
        self.small = nn.Conv1d(self.widths[0], self.widths[1], 3)
        self.large = nn.Conv1d(self.widths[1], self.widths[2], 5)
        self.merge = nn.Linear(sum(self.widths), sizes.dim, bias=False)

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the merged branches; dropout acts on the gates, in training only."""
        gates, value = self.dropped(self._gates(call)).split(self.widths, -1), self._own(call.value, call)
        first = gates[0] * value + value
        second = gates[1] * self._convolved(first, self.small, call)
        third = gates[2] * self._convolved(second, self.large, call)
        merged = self.merge(torch.cat([first, second, third], -1))
        return merged.unflatten(-1, (call.query.shape[1], -1)).transpose(1, 2)

    def _gates(self, call: Call) -> Float[Tensor, "batch queries components"]:
        wide, narrow = (self._own(call.query, call), self._own(call.key, call)), self.finer(call.hidden).chunk(2, -1)
        query, key = (F.normalize(torch.cat(parts, -1), dim=-1) for parts in zip(wide, narrow, strict=True))
        return F.elu(query * key)

    def _own(self, vectors: Float[Tensor, "batch some_heads tokens head_dim"], call: Call) -> Tensor:
        """Return the vectors of the queries' own tokens, all heads side by side."""
        queries = vectors[:, :, vectors.shape[2] - call.layout.queries :]
        return heads_of(queries, call.query.shape[1]).transpose(1, 2).flatten(2)

    def _convolved(self, branch: Float[Tensor, "batch queries wide"], convolution: nn.Conv1d, call: Call) -> Tensor:
        """Convolve a branch with the tokens before it, which the cache holds."""
        (taps,) = convolution.kernel_size
        if call.cache is not None:
            branch = call.cache.extend(f"branch_of_{taps}", branch, axis=1)
        windows = neighbours(branch, call.layout, taps).flatten(-2)
        return F.linear(windows, convolution.weight.flatten(1), convolution.bias)
