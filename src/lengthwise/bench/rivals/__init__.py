"""What threshold relative attention is measured beside, one file each, and the face that they share with it.

Each has ``sequence(inputs)`` and ``token(inputs)``; both take the inputs of a whole sequence, in the layout of the
operator, and do once what a model would do once: bring tensors into the layout of the kernel, make masks, sum up the
gates of cached keys.
"""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor


class Sequence(NamedTuple):
    """Attention over a whole sequence."""

    attend: Callable[..., Tensor]
    """Of ``tensors``, or of others of their shapes."""
    tensors: tuple[Tensor, ...]
    """What it attends with, and what has a gradient: SDPA knows no gates."""
    gradient: Tensor
    """What comes back into its output."""


Token = Callable[[], Tensor]
"""Attention of the last query alone, against all keys: a decoding step."""
