"""Torch's ``scaled_dot_product_attention``. Which kernel it takes is pinned around the whole benchmark."""

from functools import partial

from torch.nn.functional import scaled_dot_product_attention

from lengthwise.bench.inputs import Inputs
from lengthwise.bench.rivals import Sequence, Token


def sequence(inputs: Inputs) -> Sequence:
    """Causal attention."""
    attend = partial(scaled_dot_product_attention, is_causal=True, enable_gqa=inputs.grouped)
    return Sequence(attend, (inputs.query, inputs.key, inputs.value), inputs.gradient)


def token(inputs: Inputs) -> Token:
    """The last query sees all keys, so nothing is masked."""
    last = inputs.last_token()
    return partial(scaled_dot_product_attention, last.query, last.key, last.value, enable_gqa=inputs.grouped)
