"""Other mechanisms on the walk of this package."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lengthwise.bench.inputs import Inputs
from lengthwise.bench.rivals import Sequence, Token
from lengthwise.ops import (
    distance_bias_attention,
    entmax_attention,
    forgetting_attention,
    sigmoid_attention,
    softpick_attention,
    stick_breaking_attention,
)


@dataclass(frozen=True)
class Walk:
    """A rival that is an operator of this package."""

    attend: Callable[..., Tensor]
    besides: Callable[[Inputs], tuple[Tensor, ...]] = lambda inputs: ()
    """What the operator takes beside queries, keys and values."""

    def sequence(self, inputs: Inputs) -> Sequence:
        """Prepare attention over a sequence."""
        return Sequence(self.attend, (*inputs[:3], *self.besides(inputs)), inputs.gradient)

    def token(self, inputs: Inputs) -> Token:
        """Prepare a decoding step."""
        last, besides = inputs.last_token(), self.besides(inputs)
        return lambda: self.attend(last.query, last.key, last.value, *besides)


def alibi(inputs: Inputs) -> tuple[Tensor]:
    """Compute the biases of ALiBi (arXiv 2108.12409), with a slope for each head, as a bias that has a gradient."""
    heads, keys = inputs.query.shape[1], inputs.key.shape[2]
    slopes = 2.0 ** (-8 / heads * torch.arange(1, heads + 1, dtype=torch.float32, device=inputs.query.device))
    return (-slopes[:, None] * torch.arange(keys, device=slopes.device, dtype=slopes.dtype),)


def by_number(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Compute sigmoid attention as its authors do, less the logarithm of the number of keys that a query sees."""
    queries, keys = query.shape[2], key.shape[2]
    seen = torch.arange(keys - queries + 1, keys + 1, dtype=torch.float32, device=query.device)
    return sigmoid_attention(query, key, value, -seen.log()[None, None])


forgetting = Walk(forgetting_attention, lambda inputs: (inputs.log_forget,))
biased = Walk(distance_bias_attention, alibi)
stick_breaking = Walk(stick_breaking_attention)
sigmoid = Walk(by_number)
softpick = Walk(softpick_attention)
entmax = Walk(entmax_attention)
