"""Adaptive temperature: the higher a row's entropy, the sharper its softmax (arXiv 2410.01104)."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.traits import WeightsTraits
from lengthwise.options import option


class AdaptiveTemperature(Weights):
    """Softmax that sharpens rows of high entropy, applied to models trained with softmax (arXiv 2410.01104).

    The model uses the parameters of a model trained with softmax. Beta is a polynomial of the entropy, which the
    authors fitted to their models.
    """

    traits = WeightsTraits(evidence="code")
    trained_as: ClassVar[str | None] = "softmax"

    class Options(Weights.Options):
        c4: float = -0.037
        """Coefficient of the fourth power of the entropy in nats."""
        c3: float = 0.481
        """Coefficient of its third power."""
        c2: float = -2.3
        """Coefficient of its square."""
        c1: float = 4.917
        """Coefficient of the entropy itself."""
        c0: float = -1.791
        """Constant term."""
        flat: float = option(0.5, at_least=0)
        """Entropy above which scores are sharpened [nats]."""

    options: Options

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Compute ``softmax(beta z)``; beta is at least 1, and 1 where the entropy is low."""
        weights = scores.softmax(-1)
        entropy = -(weights * (weights + 1e-9).log()).sum(-1, keepdim=True)
        beta = torch.zeros_like(entropy)
        of = self.options
        for coefficient in (of.c4, of.c3, of.c2, of.c1, of.c0):
            beta = beta * entropy + coefficient
        hidden = scores == -torch.inf  # its product with the derivative of beta would be NaN
        sharper = scores.masked_fill(hidden, 0) * torch.where(entropy > of.flat, beta.clamp(min=1), 1)
        return sharper.masked_fill(hidden, -torch.inf).softmax(-1)
