"""The three things that are timed."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from lengthwise.bench.contestants import SDPA, backend, skip_tolerance
from lengthwise.bench.inputs import Inputs
from lengthwise.ops import threshold_relative_attention


def forward(contestant: str, inputs: Inputs) -> Tensor:
    """The attended values of a whole sequence."""
    query, key, value, log_forget, _ = inputs
    if contestant == SDPA:
        return scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=_grouped(inputs))
    return threshold_relative_attention(
        query, key, value, log_forget, backend=backend(contestant), skip_tolerance=skip_tolerance(contestant)
    )


def forward_and_backward(contestant: str, inputs: Inputs) -> tuple[Tensor, ...]:
    """The gradients of all that a contestant attends with: SDPA knows no gates."""
    query, key, value, log_forget = (tensor.detach().requires_grad_() for tensor in inputs[:4])
    output = forward(contestant, Inputs(query, key, value, log_forget, inputs.gradient))
    leaves = (query, key, value) if contestant == SDPA else (query, key, value, log_forget)
    return torch.autograd.grad(output, leaves, inputs.gradient)


def decode(contestant: str, inputs: Inputs) -> Tensor:
    """The attended values of one token; ``inputs`` hold one query and the keys up to it."""
    query, key, value, log_forget, _ = inputs
    if contestant == SDPA:
        return scaled_dot_product_attention(query, key, value, enable_gqa=_grouped(inputs))
    return threshold_relative_attention(
        query,
        key,
        value,
        log_forget,
        backend=backend(contestant),
        skip_tolerance=skip_tolerance(contestant),
        largest_key_norm=1.01 * query.shape[-1] ** 0.5,  # keys are RMS-normalised, then perhaps rounded
    )


def _grouped(inputs: Inputs) -> bool:
    return inputs.query.shape[1] != inputs.key.shape[1]


KINDS: dict[str, Callable[[str, Inputs], object]] = {
    "forward": forward,
    "forward+backward": forward_and_backward,
    "decode": decode,
}
