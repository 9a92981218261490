"""The rivals of threshold relative attention, one file each, and the interface that they share.

Each rival has ``sequence(inputs)`` and ``token(inputs)``. Both take the inputs of a whole sequence in the layout of the
operator. Both do outside the timed function what a model would do once: bring tensors into the layout of the kernel,
make masks, and sum up the gates of cached keys.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from torch import Tensor

from lengthwise.bench.inputs import Inputs


class Sequence(NamedTuple):
    """Attention over a whole sequence."""

    attend: Callable[..., Tensor]
    """Computes attention from ``tensors``, or from other tensors of the same shapes."""
    tensors: tuple[Tensor, ...]
    """The inputs of ``attend``, all with a gradient; SDPA takes no gates."""
    gradient: Tensor
    """The gradient of the output."""


Token = Callable[[], Tensor]
"""Computes a decoding step: attention of the last query to all keys."""


class Rival(Protocol):
    """A module, or an object, that prepares a rival for the clock."""

    def sequence(self, inputs: Inputs) -> Sequence:
        """Prepare attention over a sequence."""

    def token(self, inputs: Inputs) -> Token:
        """Prepare a decoding step."""
