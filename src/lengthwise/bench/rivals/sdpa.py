"""Torch's ``scaled_dot_product_attention``; :func:`~lengthwise.bench.measure.conditions` pins its kernel."""

from functools import partial

from torch.nn.functional import scaled_dot_product_attention

from lengthwise.bench.inputs import Inputs
from lengthwise.bench.rivals import Sequence, Token


def sequence(inputs: Inputs) -> Sequence:
    """Prepare causal attention over a sequence."""
    attend = partial(scaled_dot_product_attention, is_causal=True, enable_gqa=inputs.grouped)
    return Sequence(attend, (inputs.query, inputs.key, inputs.value), inputs.gradient)


def token(inputs: Inputs) -> Token:
    """Prepare a decoding step without a mask, because the last query sees all keys."""
    last = inputs.last_token()
    return partial(scaled_dot_product_attention, last.query, last.key, last.value, enable_gqa=inputs.grouped)
