r"""Length-scaled softplus attention with re-weighting (arXiv 2501.13428).

For a query that sees :math:`n` keys, with queries and keys of length 1,

.. math:: a_j = \operatorname{softplus}(\log d \, \log n \; q \cdot k_j), \qquad
          r_j = \operatorname{relu}\left(\frac{n\,a_j}{\sum_m a_m} - 1\right)^p, \qquad w_j = \frac{r_j}{\sum_m r_m}

so that a key below the mean is dropped, and a key above the mean gains weight; by default :math:`p = 15`. If :math:`n
\le 3`, nothing is subtracted.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.traits import WeightsTraits
from lengthwise.attention.weights.log_n import log_seen
from lengthwise.options import option


class Lssar(Weights):
    """Softplus of scores times log n, normalised, and the part above the mean raised to a power (arXiv 2501.13428).

    If more than three keys have equal shares, no key is above the mean, and the query returns zeros. The query also
    returns zeros if no key is above the mean by more than rounding; otherwise rounding would decide between zeros and
    weights. A position part's bias is added unscaled to the scaled scores. The authors' code was not available; formula
    and constants are those of two independent accounts of the paper, which agree.
    """

    traits = WeightsTraits(
        evidence="third-party",
        sparse=True,
        sensitive_to_rounding=True,  # a power of 15 turns a difference of 1 % into 15 %
        keys_enter_by_products=False,  # keys are normalised
    )
    FEW = 3
    """Number of visible keys up to which no key is dropped, which helps at the beginning of training."""

    class Options(Weights.Options):
        power: float = option(15, above=0)
        """p: the power to which the part above the mean is raised."""

    options: Options

    def prepare(
        self,
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads keys head_dim"],
        value: Float[Tensor, "batch kv_heads keys head_dim"],
    ) -> tuple[Tensor, Tensor]:
        """Normalise queries and keys to length 1."""
        return F.normalize(query, dim=-1), F.normalize(key, dim=-1)

    def sharpen(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Multiply queries by ``log d log n``."""
        width = call.query.shape[-1]  # a call divides the products by its root
        return call.query * (width**0.5 * math.log(width) * log_seen(call))

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights from ``log d log n q k``."""
        seen, tiny = call.layout.seen[:, None, :, None], torch.finfo(scores.dtype).tiny
        shares = F.softplus(scores)
        shares = shares * (seen / shares.sum(-1, keepdim=True).clamp(min=tiny))
        above = shares.sub_((seen > self.FEW).to(shares.dtype)).clamp(min=tiny)
        rounding = 64 * torch.finfo(scores.dtype).eps + 4 * torch.finfo(call.key.dtype).eps
        any_above = (above.detach().amax(-1, keepdim=True) > rounding).to(above.dtype)
        # By logarithms: a high power would leave the range of floating point.
        return (above.log() * self.options.power).softmax(-1) * any_above
