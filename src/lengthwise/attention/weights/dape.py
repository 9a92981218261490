r"""Data-adaptive position encoding: a small network adds what scores and biases of all heads suggest.

:math:`\mathrm{softmax}(z + B + f([z; B]))` with the scores :math:`z` and the position part's bias :math:`B`. Of DAPE,
:math:`f` is a perceptron over the heads (arXiv 2405.14722); of its second version two convolutions, which see the
neighbouring keys, too (arXiv 2410.04798).
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
    """Softmax of scores with what a perceptron over all heads' scores and biases adds (arXiv 2405.14722).

    Adds ``96 * heads + 32 + heads`` parameters by default. Made for a bias, as in ``dape+alibi``; without one it sees
    zeros. It costs several times what a softmax does, as its network holds by default 32 numbers for every pair of
    tokens, and heads but one each.
    """

    traits = WeightsTraits(evidence="code")

    class Options(Weights.Options):
        width: int = option(32, at_least=1)
        """Of the network's hidden layer."""

    options: Options

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        self.inwards = nn.Conv2d(2 * sizes.heads, self.options.width, (1, self.kernel))
        self.outwards = nn.Conv2d(self.options.width, sizes.heads, (1, self.kernel))

    @property
    def kernel(self) -> int:
        """How many neighbouring keys each layer sees: by itself, the convolution is the perceptron."""
        return 1

    def probabilities(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """The softmax of the scores and what is added."""
        products, hidden = call.products, ~call.layout.visible()
        outside = hidden
        if call.bias is None or not call.biased:
            scores = products.masked_fill(hidden, 0)
            return (scores + self._added(scores, outside)).masked_fill_(hidden, -torch.inf).softmax(-1)
        bias = call.bias.of(call).expand_as(products).to(products.dtype)
        hidden = hidden | (bias == -torch.inf)  # by position parts that hide keys
        products, bias = products.masked_fill(hidden, 0), bias.masked_fill(hidden, 0)
        added = self._added(torch.cat([products, bias], 1), outside)
        return (products + bias + added).masked_fill_(hidden, -torch.inf).softmax(-1)

    def row_entries(self, call: Call) -> int:
        """With what the network holds: its wide layer once, when the scores are held several times."""
        return super().row_entries(call) * 2

    def _added(
        self, maps: Float[Tensor, "batch maps queries keys"], outside: Bool[Tensor, "#batch 1 queries keys"]
    ) -> Float[Tensor, "batch heads queries keys"]:
        """The network; outside of what a query sees, the sequence has ended.

        The second convolution sees one value of the first beyond a row's last key, as in the authors' code. Both are
        products of matrices with the maps of neighbouring keys on top of each other: of what the wide layer in between
        holds, nothing is moved.
        """
        assert self.inwards.bias is not None
        assert self.outwards.bias is not None
        side, keys, kernel = self.kernel // 2, maps.shape[-1], range(self.kernel)
        padded = F.pad(maps, (side, 2 * side))
        one = torch.ones_like(padded[:, :1, :, : keys + side])  # takes the shift
        neighbours = torch.cat([*(padded[..., at : at + keys + side] for at in kernel), one], 1)
        into = self.inwards.weight[:, : maps.shape[1], 0].movedim(-1, 1).flatten(1)  # without a bias, not its zeros
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
    """Softmax of scores with what two convolutions over keys and heads add (arXiv 2410.04798).

    Adds ``288 * heads + 32 + heads`` parameters by default. Made for a bias, as in
    ``dape-v2+kerple``; without one it sees zeros. It costs more than ``dape`` does, with three times the
    multiplications.
    """

    traits = WeightsTraits(evidence="code", permutation_invariant=False)

    class Options(Dape.Options):
        kernel: int = option(3, at_least=1)
        """How many neighbouring keys each layer sees; an odd number."""

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.kernel % 2 == 0:
                raise InputError(f"The option kernel of dape-v2 is an odd number; got {self.kernel}.")

    options: Options

    @property
    def kernel(self) -> int:
        """As the option says."""
        return self.options.kernel


def _product(
    weight: Float[Tensor, "outer inner"], maps: Float[Tensor, "batch inner pairs"]
) -> Float[Tensor, "batch outer pairs"]:
    """Of each pair's maps, in their precision."""
    return weight.to(maps.dtype).expand(maps.shape[0], -1, -1) @ maps
