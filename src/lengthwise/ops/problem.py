"""What the calls of all attention operators have in common, checked."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.ops.modes import autocast_dtype

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
TILE = 64
"""Keys in a tile; all backends count the tiles that a query has visited in this unit."""

Problem = Any
"""A named tuple of an operator's arguments after all checks, in the order of its torch operator: first differentiable
tensors, which begin with query, key and value; then ``document_ids``; then numbers, among them ``skip_tolerance``."""


class Saved(NamedTuple):
    """The result of a forward pass, which the backward pass reads again."""

    output: Float[Tensor, "batch heads queries head_dim"]
    """Attended values in a dtype of the backend's choice; the public function rounds them to the query's dtype."""
    rows: Float[Tensor, "numbers batch heads queries"]
    """As many numbers for each query as the backend needs; the last is the number of tiles of keys it visited."""


Gradients = tuple[Tensor, ...]
"""The gradients of a problem's differentiable tensors, in their order."""


def at_least_float32(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype that sums, scores and weights are computed in: float64 for float64, float32 for all others."""
    return torch.float64 if dtype == torch.float64 else torch.float32


class Checked(NamedTuple):
    """What all operators take, checked, with the defaults filled in."""

    query: Tensor
    key: Tensor
    value: Tensor
    scale: float
    skip_tolerance: float


def check(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    document_ids: Tensor | None,
    scale: float | None,
    skip_tolerance: float | None,
    *,
    besides: Mapping[str, Tensor | None],
    share: str = "the softmax mass",
) -> Checked:
    """Check shapes, dtypes, devices, documents and numbers; cast queries, keys and values to autocast's dtype.

    Args:
        query: as in the public functions, and so are the next five.
        key: see there.
        value: see there.
        document_ids: see there.
        scale: None for ``1 / sqrt(head_dim)``.
        skip_tolerance: None for half the ``eps`` of the dtype that sums are computed in.
        besides: the other tensors of the operator by name, of which the device is checked; None if not given.
        share: what ``skip_tolerance`` is a fraction of.

    Raises:
        InputError: in one sentence, for the first argument that does not fit.
    """
    if dtype := autocast_dtype(query.device.type):
        query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
    if query.ndim != 4 or key.ndim != 4:
        raise InputError(
            "query and key must be (batch, heads, tokens, head_dim), four dimensions each; "
            f"got {tuple(query.shape)} and {tuple(key.shape)}."
        )
    batch, heads, queries, head_dim = query.shape
    kv_heads, keys = key.shape[1:3]
    if value.shape != key.shape:
        raise InputError(f"value must have the shape of key, {tuple(key.shape)}; got {tuple(value.shape)}.")
    if key.shape[0] != batch or key.shape[3] != head_dim:
        raise InputError(
            f"query and key must agree in batch and head_dim; got {tuple(query.shape)} and {tuple(key.shape)}."
        )
    if kv_heads == 0 or heads % kv_heads:
        raise InputError(f"The number of heads must be a multiple of kv_heads; got {heads} and {kv_heads}.")
    if queries > keys:
        raise InputError(
            f"Queries are aligned with the last keys, so there can be at most as many; got {queries} queries "
            f"and {keys} keys."
        )
    if query.dtype not in DTYPES or key.dtype != query.dtype or value.dtype != query.dtype:
        raise InputError(
            "query, key and value must share one of float32, float64, bfloat16 and float16; "
            f"got {query.dtype}, {key.dtype} and {value.dtype}."
        )

    for name, tensor in {"key": key, "value": value, **besides, "document_ids": document_ids}.items():
        if tensor is not None and tensor.device != query.device:
            raise InputError(f"{name} is on {tensor.device} but query is on {query.device}; move one to the other.")
    if document_ids is not None:
        if document_ids.shape != (batch, keys):
            raise InputError(
                f"document_ids must be (batch, keys), here {(batch, keys)}; got {tuple(document_ids.shape)}."
            )
        if document_ids.is_floating_point() or document_ids.is_complex() or document_ids.dtype == torch.bool:
            raise InputError(f"document_ids must be integers; got {document_ids.dtype}.")
    if scale is not None and not (scale > 0 and math.isfinite(scale)):
        raise InputError(f"scale must be a positive finite number; got {scale}.")
    if skip_tolerance is not None and not 0 <= skip_tolerance < 1:
        raise InputError(f"skip_tolerance is a fraction of {share}, at least 0 and below 1; got {skip_tolerance}.")
    if scale is None:
        scale = 1.0 / math.sqrt(head_dim) if head_dim else 1.0
    if skip_tolerance is None:
        skip_tolerance = torch.finfo(at_least_float32(query.dtype)).eps / 2
    return Checked(query, key, value, scale, skip_tolerance)


def of_queries(name: str, numbers: Tensor, query: Tensor) -> Float[Tensor, "batch heads queries"]:
    """Return a number for each query, in the dtype that sums are computed in, expanded where all have the same.

    Raises:
        InputError: for another shape or no floating-point numbers.
    """
    shape = query.shape[:3]
    if not numbers.is_floating_point():
        raise InputError(f"{name} must be floating-point numbers; got {numbers.dtype}.")
    if numbers.ndim != 3 or any(size not in (1, own) for size, own in zip(numbers.shape, shape, strict=True)):
        raise InputError(
            f"{name} must be (batch, heads, queries), here {tuple(shape)}, with 1 where all are the same; "
            f"got {tuple(numbers.shape)}."
        )
    return numbers.to(at_least_float32(query.dtype)).expand(shape)


def sink_of_queries(sink: Tensor | None, query: Tensor) -> Float[Tensor, "batch heads sinks"]:
    """Return the logit of attending to nothing for each query; no numbers if there is no sink.

    Raises:
        InputError: as :func:`of_queries` does.
    """
    if sink is None:
        return query.new_empty((*query.shape[:2], 0), dtype=at_least_float32(query.dtype))
    return of_queries("sink", sink, query)


def biases_of_distance(bias: Tensor | None, query: Tensor, key: Tensor) -> Float[Tensor, "batch heads biases"]:
    """Return the bias of each sequence and head at the distances from 0 on; no numbers if there is no bias.

    Raises:
        InputError: for another shape than (heads, keys), or no floating-point numbers.
    """
    batch, heads, keys = *query.shape[:2], key.shape[2]
    if bias is None:
        return query.new_empty((batch, heads, 0), dtype=at_least_float32(query.dtype))
    if bias.shape != (heads, keys):
        raise InputError(
            f"bias must be (heads, keys), one number for each head and each distance from 0 to keys - 1, here "
            f"{(heads, keys)}; got {tuple(bias.shape)}."
        )
    if not bias.is_floating_point():
        raise InputError(f"bias must be floating-point numbers; got {bias.dtype}.")
    return bias.to(at_least_float32(query.dtype)).expand(batch, -1, -1)


def check_gates(log_forget: Tensor) -> None:
    """Raise :class:`InputError` for a gate above 1."""
    if (log_forget > 0).any():
        raise InputError(
            f"log_forget must be at most 0, the logarithm of a gate in (0, 1]; its largest value is "
            f"{log_forget.max().item():g}. Pass logsigmoid(x), not x."
        )
