r"""Threshold differential attention: no softmax, so no sink, and very sparse weights (arXiv 2601.12145).

The weights are :math:`[s^{(1)}_{ij} - \tau_i]_+^2 - \lambda\,[s^{(2)}_{ij} - \tau_i]_+^2` with the cosines :math:`s` of
the halves of queries and keys and :math:`\tau_i = \beta \sqrt{2 \ln(n) / d}` over n visible keys. This is the highest
of n cosines of random vectors of d components, so that the number of keys that pass by chance does not grow with n.
From :math:`n = e^{d/2}` on, no key can pass.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call, heads_of
from lengthwise.attention.parts import Sizes, Weights
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import WeightsTraits
from lengthwise.attention.weights.differential import half_of, halved, maps
from lengthwise.attention.weights.log_n import log_seen
from lengthwise.options import Value, option


class ThresholdDifferential(Weights):
    """Squared excess of cosines over a threshold, the first half's minus the second half's (arXiv 2601.12145).

    Adds one parameter, lambda, 0.5 at first and kept between 0 and 1. The formula is from the authors' kernel, which
    does not say how the halves are projected, what the initial lambda is, and whether a norm follows. Here the halves
    are the halves of a head, and a norm is an output part, as in ``threshold-differential+rms-norm@heads``.
    """

    traits = WeightsTraits(
        evidence="code",
        bidirectional=False,  # the threshold rises along a sequence
        takes_bias=False,  # the threshold is for cosines
        normalised=False,
        sparse=True,
        keys_enter_by_products=False,  # keys are normalised
    )

    class Options(Weights.Options):
        beta: float = option(1, at_least=0)
        """Threshold in units of the highest cosine of random vectors."""

    options: Options

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        half_of(sizes, "threshold-differential")
        self.mixture = nn.Parameter(torch.tensor(0.5))

    def prepare(
        self,
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads keys head_dim"],
        value: Float[Tensor, "batch kv_heads keys head_dim"],
    ) -> tuple[Tensor, Tensor]:
        """Split each head into two neighbouring heads, its normalised halves, so that positions act on each half."""
        return F.normalize(halved(query), dim=-1), F.normalize(halved(key), dim=-1)

    def probabilities(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the difference of the two maps, which may be negative."""
        first, second = (self._passed(of) for of in maps(call))
        return first - self.mixture.clamp(0, 1) * second

    def _passed(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        query, key = in_float32(call.query), in_float32(heads_of(call.key, call.query.shape[1]))
        threshold = self.options.beta * (2 * log_seen(call) / query.shape[-1]).sqrt()
        never = threshold.where(call.layout.visible(), torch.inf)
        return (query @ key.mT).sub_(never).relu_().square()
