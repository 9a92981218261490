r"""The weights of entmax (arXiv 1905.05702).

:math:`p_j = [(\alpha - 1)\,z_j - \tau]_+^q`, :math:`q = 1 / (\alpha - 1)`, with the threshold :math:`\tau` at which
the weights sum to 1. The q-norm of the part above the threshold must be 1, too, and Newton's method solves this
equation: the norm is convex and falls with the threshold, so that steps from the left of the solution stay on its left.
If all keys are equal, the norm is a straight line.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.ops.modes import beyond_backward
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
    """Compute entmax by torch's operations; all derivatives are right for an alpha of 1.5, three for others."""
    power = 1 / (alpha - 1)
    scaled = (logits - logits.detach().amax(-1, keepdim=True)).mul_(alpha - 1)
    threshold = torch.full_like(scaled[..., :1], -1)  # there, the highest key alone gives 1
    with torch.no_grad():
        for _ in range(STEPS if alpha <= 1.5 else STEPS_ABOVE):
            threshold = _step(scaled, threshold, power)
    if scaled.requires_grad or beyond_backward(scaled):
        # The value is that of Newton's method, which has no derivatives; they are those of a formula for it.
        formula = _by_moments(scaled, threshold) if power == 2 else _by_steps(scaled, threshold, power)
        threshold = threshold + (formula - formula.detach())
    return _powers(scaled - threshold, power)


def _step(
    scaled: Float[Tensor, "*rows keys"], threshold: Float[Tensor, "*rows 1"], power: float
) -> Float[Tensor, "*rows 1"]:
    if power == 2:
        slopes = (scaled - threshold).relu_()
        norm = torch.linalg.vector_norm(slopes, dim=-1, keepdim=True)
    else:
        slopes = _powers(scaled - threshold, power - 1)
        norm = _powers(scaled - threshold, power).sum(-1, keepdim=True).pow(1 / power)
    return threshold + norm.pow(power - 1) * (norm - 1) / slopes.sum(-1, keepdim=True)


def _by_moments(scaled: Float[Tensor, "*rows keys"], threshold: Float[Tensor, "*rows 1"]) -> Float[Tensor, "*rows 1"]:
    """Compute the threshold of an alpha of 1.5 from the mean and the spread of the scores above it."""
    kept = scaled > threshold
    number = kept.sum(-1, keepdim=True)
    mean = scaled.masked_fill(~kept, 0).sum(-1, keepdim=True) / number
    spread = (scaled - mean).masked_fill(~kept, 0).square().sum(-1, keepdim=True)
    square = (1 - spread) / number  # of the distance from the mean, whose digits the difference may lose
    return mean - (square - square.detach() + (mean - threshold).detach().square()).sqrt()


def _by_steps(
    scaled: Float[Tensor, "*rows keys"], threshold: Float[Tensor, "*rows 1"], power: float
) -> Float[Tensor, "*rows 1"]:
    """Do two more steps of Newton's method; each doubles the order up to which derivatives are right, and one more."""
    for _ in range(2):
        above = scaled - threshold
        slope = power * _powers(above, power - 1).sum(-1, keepdim=True)
        threshold = threshold + (_powers(above, power).sum(-1, keepdim=True) - 1) / slope
    return threshold


def _powers(above: Float[Tensor, "*rows keys"], power: float) -> Float[Tensor, "*rows keys"]:
    """Compute powers of positive numbers, and 0 for others: derivatives of a power may be infinite at 0."""
    below = above <= 0
    return above.masked_fill(below, 1).pow(power).masked_fill(below, 0)


_of_one_and_a_half = with_kernels(
    by_formula,
    rows.entmax,
    lambda logits, weights, gradient: (rows.entmax_backward(weights, gradient),),
    fits=lambda logits: logits.ndim > 0,
    of_result=True,
)
