"""Threshold relative attention in pure torch: two walks over tiles, known to autograd and torch.compile."""

from typing import Any

import torch
from torch import Tensor

from lengthwise.ops.threshold_relative import autocast, batching, derivatives
from lengthwise.ops.threshold_relative.blockwise.backward import backward
from lengthwise.ops.threshold_relative.blockwise.forward import forward
from lengthwise.ops.threshold_relative.blockwise.walk import Walk
from lengthwise.ops.threshold_relative.broken_values import attend_around, differentiate_around
from lengthwise.ops.threshold_relative.checks import check_gates


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    log_forget: Tensor,
    document_ids: Tensor | None,
    limit: float,
    scale: float,
    skip_tolerance: float,
    largest_key_norm: float | None,
) -> tuple[Tensor, Tensor]:
    """Output and tiles visited; arguments as in the public function, checked there; ``limit = threshold / scale``."""
    output, *_, visited = _forward(
        query, key, value, log_forget, document_ids, limit, scale, skip_tolerance, largest_key_norm
    )
    return output.to(query.dtype), visited


@torch.library.custom_op("lengthwise::threshold_relative_blockwise", mutates_args=())
def _forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    log_forget: Tensor,
    document_ids: Tensor | None,
    limit: float,
    scale: float,
    skip_tolerance: float,
    largest_key_norm: float | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Output, not yet rounded to the query's dtype; largest logit, denominator and tiles visited of each row."""
    check_gates(log_forget)

    def run(value: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        walk = Walk(query, key, value, log_forget, limit, scale, document_ids)
        return forward(walk, skip_tolerance, largest_key_norm)

    output, largest, total, visited = attend_around(run, value, skip_tolerance)
    return output, largest, total, visited


@torch.library.custom_op("lengthwise::threshold_relative_blockwise_backward", mutates_args=())
def _backward(
    gradient: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    log_forget: Tensor,
    document_ids: Tensor | None,
    limit: float,
    scale: float,
    skip_tolerance: float,
    output: Tensor,
    largest: Tensor,
    total: Tensor,
    steps: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of query, key, value and log_forget, in their dtypes."""

    def run(gradient: Tensor, value: Tensor, output: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        walk = Walk(query, key, value, log_forget, limit, scale, document_ids)
        return backward(walk, gradient, output, largest, total, steps)

    with autocast.switched_off(query.device.type):
        gradients = differentiate_around(run, gradient, value, output)
    d_query, d_key, d_value, d_log_forget = (
        of.to(tensor.dtype) for of, tensor in zip(gradients, (query, key, value, log_forget), strict=True)
    )
    return d_query, d_key, d_value, d_log_forget


@_forward.register_fake
def _(query: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    dtype = torch.float64 if query.dtype == torch.float64 else torch.float32
    output, rows = query.new_empty(query.shape, dtype=dtype), query.new_empty(query.shape[:3], dtype=dtype)
    return output, rows, torch.empty_like(rows), torch.empty_like(rows, dtype=torch.int32)


@_backward.register_fake
def _(_gradient: Tensor, *inputs: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    d_query, d_key, d_value, d_log_forget = (tensor.new_empty(tensor.shape) for tensor in inputs[:4])
    return d_query, d_key, d_value, d_log_forget


derivatives.register("lengthwise::threshold_relative_blockwise")
batching.register("lengthwise::threshold_relative_blockwise", 0, 0, 0, 0)
