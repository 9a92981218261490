r"""Data-adaptive position encoding: a small network of all heads' scores and biases adds to the scores.

The weights are :math:`\mathrm{softmax}(z + B + f([z; B]))` with the scores :math:`z` and the position part's bias
:math:`B`. In DAPE, :math:`f` is a perceptron over the heads (arXiv 2405.14722); in its second version, :math:`f` is two
convolutions, which also see the neighbouring keys (arXiv 2410.04798).
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Sizes, Weights
from lengthwise.attention.traits import WeightsTraits
from lengthwise.errors import InputError
from lengthwise.options import Value, option


class Dape(Weights):
    """Softmax of scores plus a perceptron of all heads' scores and biases (arXiv 2405.14722).

    Adds ``96 * heads + 32 + heads`` parameters by default. It is made for a position part with a bias, as in
    ``dape+alibi``; without a bias, the network reads zeros. It costs several times as much as softmax, because its
    network holds 32 numbers (by default) for every pair of tokens, where a head holds one.

    Without a bias, the first layer begins as one that also reads a bias, with weights up to ``(2 * heads) ** -0.5``; in
    the authors' code it is then half as wide, and begins with weights up to ``heads ** -0.5``.
    """

    traits = WeightsTraits(evidence="code")

    class Options(Weights.Options):
        width: int = option(32, at_least=1)
        """Width of the network's hidden layer."""

    options: Options

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        self.inwards = nn.Conv2d(2 * sizes.heads, self.options.width, (1, self.kernel))
        self.outwards = nn.Conv2d(self.options.width, sizes.heads, (1, self.kernel))

    @property
    def kernel(self) -> int:
        """Number of neighbouring keys that each layer sees; with 1, the convolution is a perceptron."""
        return 1

    def probabilities(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the softmax of the scores plus the network's output."""
        products, hidden = call.products, ~call.layout.visible()
        outside = hidden
        if call.bias is None or not call.biased:
            scores = products.masked_fill(hidden, 0)
            return (scores + self._added(scores, outside)).masked_fill_(hidden, -torch.inf).softmax(-1)
        bias = call.bias.of(call).expand_as(products).to(products.dtype)
        hidden = hidden | (bias == -torch.inf)  # some position parts hide keys
        products, bias = products.masked_fill(hidden, 0), bias.masked_fill(hidden, 0)
        added = self._added(torch.cat([products, bias], 1), outside)
        return (products + bias + added).masked_fill_(hidden, -torch.inf).softmax(-1)

    def row_entries(self, call: Call) -> int:
        """Return twice the usual number: the network holds its wide layer once, where scores are held several times."""
        return super().row_entries(call) * 2

    def _added(
        self, maps: Float[Tensor, "batch maps queries keys"], outside: Bool[Tensor, "#batch 1 queries keys"]
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Apply the network; keys that a query does not see count as beyond the end of the sequence.

        The second convolution sees one value of the first beyond a row's last key, as in the authors' code, except in
        the last row of a sequence, where they have padding with 0. Both convolutions are matrix products with the
        stacked maps of neighbouring keys, so that the wide layer between them is not copied.
        """
        assert self.inwards.bias is not None
        assert self.outwards.bias is not None
        side, keys, kernel = self.kernel // 2, maps.shape[-1], range(self.kernel)
        padded = F.pad(maps, (side, 2 * side))
        one = torch.ones_like(padded[:, :1, :, : keys + side])  # for the bias
        neighbours = torch.cat([*(padded[..., at : at + keys + side] for at in kernel), one], 1)
        into = self.inwards.weight[:, : maps.shape[1], 0].movedim(-1, 1).flatten(1)  # leaves out a missing bias
        with_shift = torch.cat([into, self.inwards.bias[:, None]], 1)
        inner = F.leaky_relu_(_product(with_shift, neighbours.flatten(2)))
        added = _product(self.outwards.weight[:, :, 0].movedim(-1, 0).flatten(0, 1), inner)
        added = added.unflatten(2, neighbours.shape[2:])
        if side:
            beyond = F.pad(outside, (0, side), value=True) & F.pad(outside, (side, 0), value=True)
            added = F.pad(added * (~beyond).to(added.dtype), (side, 0))
        pieces = added.unflatten(1, (self.kernel, -1)).unbind(1)
        total = sum(pieces[at][..., at : at + keys] for at in kernel)
        return total + self.outwards.bias.to(maps.dtype)[:, None, None]


class DapeV2(Dape):
    """Softmax of scores plus two convolutions over keys and heads (arXiv 2410.04798).

    Adds ``288 * heads + 32 + heads`` parameters by default. It is made for a position part with a bias, as in
    ``dape-v2+kerple``; without a bias, the network reads zeros. It needs three times as many multiplications as
    ``dape``.
    """

    traits = WeightsTraits(evidence="code", permutation_invariant=False)

    class Options(Dape.Options):
        kernel: int = option(3, at_least=1)
        """Number of neighbouring keys that each layer sees; an odd number."""

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.kernel % 2 == 0:
                raise InputError(f"The option kernel of dape-v2 is an odd number; got {self.kernel}.")

    options: Options

    @property
    def kernel(self) -> int:
        """Number of neighbouring keys that each layer sees, as the option says."""
        return self.options.kernel


def _product(
    weight: Float[Tensor, "outer inner"], maps: Float[Tensor, "batch inner pairs"]
) -> Float[Tensor, "batch outer pairs"]:
    """Multiply each pair's maps by the weight, in the precision of the maps."""
    return weight.to(maps.dtype).expand(maps.shape[0], -1, -1) @ maps
