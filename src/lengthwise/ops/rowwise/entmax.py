r"""The weights of entmax (arXiv 1905.05702).

:math:`p_j = [(\alpha - 1)\,z_j - \tau]_+^q`, :math:`q = 1 / (\alpha - 1)`, with the threshold :math:`\tau` at which
the weights sum to 1. The q-norm of the part above the threshold must be 1, too, and Newton's method solves this
equation: the norm is convex and falls with the threshold, so that steps from the left of the solution stay on its left.
If all keys are equal, the norm is a straight line.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.ops.native import rows
from lengthwise.ops.rowwise.kernel import with_kernels

STEPS = 9
"""Steps of Newton's method if alpha is at most 1.5: six reach float32 rounding for 512 keys, nine for a million keys,
whatever the scores are."""
STEPS_ABOVE = 32
"""Steps if alpha is larger: each step divides the product of the slope and the remaining error by at least four."""


def entmax(logits: Float[Tensor, "*rows keys"], alpha: float = 1.5) -> Float[Tensor, "*rows keys"]:
    """Compute the weights of each row; a logit of minus infinity hides a key. Kernels compute an alpha of 1.5."""
    return _of_one_and_a_half(logits) if alpha == 1.5 else by_formula(logits, alpha)


def by_formula(logits: Tensor, alpha: float = 1.5) -> Tensor:
    """Compute entmax by torch's operations; the last step, which no longer moves the threshold, has the gradient."""
    power = 1 / (alpha - 1)
    scaled = (logits - logits.detach().amax(-1, keepdim=True)).mul_(alpha - 1)
    threshold = torch.full_like(scaled[..., :1], -1)  # there, the highest key alone gives 1
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
        # At the solution the slope's derivative has no effect, and the derivative of a power below 1 is infinite at 0.
        slopes = above.detach().pow(power - 1) * (above > 0)
    return threshold + norm.pow(power - 1) * (norm - 1) / slopes.sum(-1, keepdim=True)


_of_one_and_a_half = with_kernels(
    by_formula,
    rows.entmax,
    lambda logits, weights, gradient: (rows.entmax_backward(weights, gradient),),
    fits=lambda logits: logits.ndim > 0,
    of_result=True,
)
