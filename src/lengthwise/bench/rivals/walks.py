"""Other mechanisms on the walk of this package."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lengthwise.bench.inputs import Inputs
from lengthwise.bench.rivals import Sequence, Token
from lengthwise.ops import (
    distance_bias_attention,
    entmax_attention,
    forgetting_attention,
    relative_bias_attention,
    sigmoid_attention,
    softpick_attention,
    stick_breaking_attention,
)
from lengthwise.ops.curve import Curve


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


def network(inputs: Inputs) -> tuple[Tensor, ...]:
    """Draw the function of FIRE (arXiv 2310.04418): a bend for each of 32 units, of which 8 are in reach at first."""
    heads, keys = inputs.query.shape[1], inputs.key.shape[2]
    device, generator = inputs.query.device, torch.Generator(inputs.query.device).manual_seed(0)
    knots = torch.linspace(-1.5, 2.5, 32, device=device, dtype=torch.float32)
    slopes = torch.randn(heads, 33, device=device, dtype=torch.float32, generator=generator)
    intercepts = F.pad(((slopes[:, :-1] - slopes[:, 1:]) * knots).cumsum(-1), (1, 0))
    distance = (0.1 * torch.arange(keys, device=device, dtype=torch.float32)).log1p()
    return Curve(knots, slopes, intercepts, distance, distance.clamp(min=distance[keys // 4])[None] + 1e-6)


def with_network(query: Tensor, key: Tensor, value: Tensor, *curve: Tensor) -> Tensor:
    """Attend as with FIRE, from the last of the positions."""
    of = Curve(*curve)
    return relative_bias_attention(query, key, value, of._replace(length=of.length[:, -query.shape[2] :]))


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
fire = Walk(with_network, network)
