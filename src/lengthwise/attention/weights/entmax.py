r"""Entmax: a softmax that gives exact zeros, so that what does not matter cannot add up (arXiv 1905.05702).

:math:`p_j = [(\alpha - 1)\,z_j - \tau]_+^q`, :math:`q = 1 / (\alpha - 1)`, with the threshold :math:`\tau` at which the
weights sum to 1. By default :math:`\alpha = 1.5`; with 2 it is sparsemax (arXiv 1602.02068), and towards 1 it becomes
softmax. The q-norm of what is above the threshold must be 1, too, which is where Newton's method finds it: the norm is
convex and falls with the threshold, so that steps from the left of the solution stay there, and of keys all alike it is
a straight line.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.traits import WeightsTraits
from lengthwise.options import option


class Entmax(Weights):
    """Entmax over all visible keys (arXiv 1905.05702)."""

    traits = WeightsTraits(evidence="code", sparse=True)

    class Options(Weights.Options):
        alpha: float = option(1.5, at_least=1.01, at_most=2)
        """How sparse the weights are: 2 is sparsemax, towards 1 it becomes softmax."""

    options: Options

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """The definition."""
        return entmax(scores, self.options.alpha)


STEPS = 9
"""Of Newton's method where alpha is 1.5 or less: six come to float32 rounding of 512 keys, nine of a million, however
their scores lie."""
STEPS_ABOVE = 32
"""Where alpha is more: each step divides the product of the slope and of what is left to go by four at least."""


def entmax(logits: Float[Tensor, "*rows keys"], alpha: float = 1.5) -> Float[Tensor, "*rows keys"]:
    """Entmax; the derivative of the threshold is that of the last step, which moves it no more."""
    power = 1 / (alpha - 1)
    scaled = (logits - logits.detach().amax(-1, keepdim=True)).mul_(alpha - 1)
    threshold = torch.full_like(scaled[..., :1], -1)  # the highest key alone gives 1 there
    with torch.no_grad():
        for _ in range((STEPS if alpha <= 1.5 else STEPS_ABOVE) - 1):
            threshold = _step(scaled, threshold, power)
    return (scaled - _step(scaled, threshold, power)).relu_().pow(power)


def _step(
    scaled: Float[Tensor, "*rows keys"], threshold: Float[Tensor, "*rows 1"], power: float
) -> Float[Tensor, "*rows 1"]:
    above = (scaled - threshold).relu_()
    if power == 2:
        norm, slopes = torch.linalg.vector_norm(above, dim=-1, keepdim=True), above
    else:
        norm = above.pow(power).sum(-1, keepdim=True).pow(1 / power)
        # At the solution the slope's derivative counts for nothing, and that of a power below 1 is infinite at 0.
        slopes = above.detach().pow(power - 1) * (above > 0)
    return threshold + norm.pow(power - 1) * (norm - 1) / slopes.sum(-1, keepdim=True)
