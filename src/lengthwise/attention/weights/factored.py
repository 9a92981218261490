r"""Factored attention: weights that depend on the distance alone, as in wave functions of spins (arXiv 2405.18874).

The result of head :math:`\mu` is :math:`\sum_j \alpha^\mu_{i-j} v_j` with a free parameter :math:`\alpha^\mu_t` for
each distance :math:`t`: there are no queries, no keys and no softmax. The paper shows that on some physical systems
trained dot products come to depend on positions alone.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Sizes, Weights
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import WeightsTraits
from lengthwise.options import Value


class Factored(Weights):
    """A learned weight per head and distance, whatever the tokens are (arXiv 2405.18874).

    Adds ``context * heads`` parameters. Keys farther away than any key in training have the weight 0: the result then
    sums over as many keys as in training, while a repeated last weight would make the result grow with the length.
    The layer's projections of queries and keys stay unused. The authors' lattices are periodic and see both ways; here
    a sequence has a beginning, and a token sees those before it.
    """

    traits = WeightsTraits(
        evidence="code",
        bidirectional=False,  # a weight belongs to a distance back
        cross=False,  # a query of a set has no distance to the items
        takes_bias=False,  # there are no scores
        normalised=False,
        sparse=True,
        permutation_invariant=False,
    )

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        self.alpha = nn.Parameter(torch.empty(sizes.heads, sizes.need("context", "factored")))
        nn.init.xavier_uniform_(self.alpha)

    def probabilities(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """Look up the weights by distance."""
        known = F.pad(in_float32(self.alpha), (0, 1))  # the 0 of all distances that are too large
        weights = known[:, call.layout.distance.abs().clamp(max=self.alpha.shape[1])].transpose(0, 1)
        return (weights * call.layout.visible()).expand(len(call.query), -1, -1, -1)
