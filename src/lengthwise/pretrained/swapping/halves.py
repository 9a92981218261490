"""Halves of heads that a layer has rotated: unless each half holds whole rotated pairs, scores see absolute positions.

The layers of all known families rotate the first n components of each head, by pairs :math:`(m, m + n / 2)`. A product
of two rotated pairs depends on their distance alone; a product of two halves of pairs does not.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.weights.differential import Differential
from lengthwise.attention.weights.threshold_differential import ThresholdDifferential
from lengthwise.errors import InputError

HALVING = (Differential, ThresholdDifferential)
"""The weights parts that cut the components of each head into a first and a second half."""


def in_whole_pairs(
    vectors: Float[Tensor, "batch heads tokens head_dim"], turned: int
) -> Float[Tensor, "batch heads tokens head_dim"]:
    """Reorder the components of each head so that each half holds whole rotated pairs.

    Each half gets every other pair, and so both fast and slow ones, as where ``rope`` turns each half by itself. The
    components that are not rotated fill the halves. The products of whole heads stay as they are.

    Args:
        vectors: queries or keys, rotated.
        turned: number of rotated components of each head.

    Raises:
        InputError: if all components are rotated and half of their pairs is not a whole number.
    """
    half = vectors.shape[-1] // 2
    pairs, still = vectors[..., :turned].unflatten(-1, (2, -1)), vectors[..., turned:]
    first, second = (pairs[..., place::2].flatten(-2) for place in (0, 1))
    room = half - first.shape[-1]
    if room < 0:
        raise InputError(
            f"the model rotates its heads of {2 * half} components by pairs, and halves of {half} components would "
            "cut a pair; name a position part, as in 'differential+nope', to take the rotation away"
        )
    return torch.cat([first, still[..., :room], second, still[..., room:]], -1)
