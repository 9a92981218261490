"""The three kinds of measurement: the forward pass, forward and backward, and decoding one token."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from lengthwise.bench.contestants import (
    ALIBI,
    ENTMAX,
    FIRE,
    FLA_FORGETTING,
    FLEX,
    FORGETTING,
    SDPA,
    SIGMOID,
    SOFTPICK,
    STICK_BREAKING,
    backend,
    skip_tolerance,
)
from lengthwise.bench.inputs import Inputs
from lengthwise.bench.rivals import Rival, Sequence, Token, flex, forgetting, sdpa, walks
from lengthwise.ops import threshold_relative_attention

FORWARD, FORWARD_AND_BACKWARD, DECODE = KINDS = ("forward", "forward+backward", "decode")
_RIVALS: dict[str, Rival] = {
    SDPA: sdpa,
    FLEX: flex,
    FLA_FORGETTING: forgetting,
    FORGETTING: walks.forgetting,
    ALIBI: walks.biased,
    STICK_BREAKING: walks.stick_breaking,
    SIGMOID: walks.sigmoid,
    SOFTPICK: walks.softpick,
    ENTMAX: walks.entmax,
    FIRE: walks.fire,
}


def prepare(kind: str, contestant: str, inputs: Inputs) -> Callable[[], object]:
    """Return the function to time; ``inputs`` are those of a whole sequence.

    *forward* computes the attended values of the sequence, *forward+backward* the gradients of all inputs of the
    contestant, and *decode* the attended values of the last token.

    Raises:
        InputError: if the contestant cannot take these inputs.
    """
    if kind == DECODE:
        return _RIVALS[contestant].token(inputs) if contestant in _RIVALS else _token(contestant, inputs)
    attend, tensors, gradient = (
        _RIVALS[contestant].sequence(inputs) if contestant in _RIVALS else _sequence(contestant, inputs)
    )
    if kind == FORWARD:
        return partial(attend, *tensors)

    def forward_and_backward() -> tuple[Tensor, ...]:
        leaves = [tensor.detach().requires_grad_() for tensor in tensors]
        return torch.autograd.grad(attend(*leaves), leaves, gradient)

    return forward_and_backward


def _sequence(contestant: str, inputs: Inputs) -> Sequence:
    attend = partial(
        threshold_relative_attention, backend=backend(contestant), skip_tolerance=skip_tolerance(contestant)
    )
    return Sequence(attend, inputs[:4], inputs.gradient)


def _token(contestant: str, inputs: Inputs) -> Token:
    last = inputs.last_token()
    return partial(
        threshold_relative_attention,
        *last[:4],
        backend=backend(contestant),
        skip_tolerance=skip_tolerance(contestant),
        largest_key_norm=1.01 * last.query.shape[-1] ** 0.5,  # RMS-normalised keys, and a margin for rounding
    )
