r"""Sandwich: the inner product of sinusoidal embeddings, as a bias of the scores (arXiv 2212.10356).

Head :math:`h` of :math:`H` adds :math:`\frac{H}{8h}\left(\sum_{k=1}^{w} \cos(t\,\omega_k) - w\right)` at distance
:math:`t`, :math:`\omega_k = b^{-k/w}`, by default with :math:`b = 10000` and :math:`w = 64` waves, that is, embeddings
128 wide, whatever the width of the model. The bias is 0 at distance 0 and falls like a logarithm.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.parts import Sizes
from lengthwise.attention.positions.distance import OfDistance
from lengthwise.attention.traits import PositionTraits
from lengthwise.options import Value, option


class Sandwich(OfDistance):
    """A fixed penalty that grows like the logarithm of distance, weaker in later heads (arXiv 2212.10356).

    No parameters. The authors' code was not available, and two third parties disagree on the waves: k runs from 1 to 64
    in NVIDIA's NeMo, as here, and from 0 to 63 in attention-gym, as in sinusoidal embeddings. With the latter, the
    penalty grows faster: at distances 1, 3 and 10 it is 1.91, 11.8 and 21.2 times ``H / 8h``, and here 1.45, 9.8 and
    19.3 times.
    """

    traits = PositionTraits(evidence="third-party")

    class Options(OfDistance.Options):
        waves: int = option(64, at_least=1)
        """Number of waves: half the width of the embeddings whose inner product gives the penalty."""
        base: float = option(10_000, above=1)
        """Base of the frequencies: a larger base makes the slow waves slower."""

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.heads = sizes.heads

    def of_distance(self, distance: Float[Tensor, " distances"]) -> Float[Tensor, "heads distances"]:
        """Compute the inner product of the waves minus its value at distance 0, scaled by head."""
        dtype, device, waves = distance.dtype, distance.device, self.options.waves
        frequencies = self.options.base ** -(torch.arange(1, waves + 1, dtype=dtype, device=device) / waves)
        product = (distance[:, None] * frequencies).cos().sum(-1) - waves
        scale = self.heads / (8 * torch.arange(1, self.heads + 1, dtype=dtype, device=device))
        return scale[:, None] * product
