"""One call of the operator, checked and complete: the input and the output of every backend."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.ops.threshold_relative.modes import autocast_dtype

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
TILE = 64
"""Keys in a tile; all backends count the tiles that a query has visited in this unit."""
DECIMALS = 12
"""Decimals of ``limit``, rounded because ``n * scale / scale`` is not always ``n`` to the last bit. Float32 products
are coarser than this."""


class Problem(NamedTuple):
    """Arguments of a call after all checks: five tensors, then four numbers.

    The fields have the order of the operators' arguments. Only the gates are not checked yet, because a compiler has no
    numbers to check; a backend calls :func:`check_gates` where it has the numbers.
    """

    query: Float[Tensor, "batch heads queries head_dim"]
    key: Float[Tensor, "batch kv_heads keys head_dim"]
    value: Float[Tensor, "batch kv_heads keys head_dim"]
    log_forget: Float[Tensor, "batch heads queries"]
    document_ids: Int[Tensor, "batch keys"] | None
    limit: float
    """A key is kept when its product with the query is greater than this: the threshold divided by ``scale``."""
    scale: float
    skip_tolerance: float
    largest_key_norm: float | None
    """An upper bound on the norm of every key, or None if the caller knows no bound."""


class Saved(NamedTuple):
    """The result of a forward pass, which the backward pass reads again."""

    output: Float[Tensor, "batch heads queries head_dim"]
    """Attended values in a dtype of the backend's choice; the public function rounds them to the query's dtype."""
    rows: Float[Tensor, "numbers batch heads queries"]
    """As many numbers for each query as the backend needs; the last is the number of tiles of keys it visited."""


Gradients = tuple[Tensor, Tensor, Tensor, Tensor]
"""The gradients of query, key, value and log_forget."""


def wide(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype that sums are computed in: float64 for float64, float32 for all others."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def pose(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    log_forget: Tensor,
    document_ids: Tensor | None,
    threshold: float,
    scale: float | None,
    skip_tolerance: float | None,
    largest_key_norm: float | None,
) -> Problem:
    """Check the arguments of the public function, and fill in the defaults that depend on them.

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
    if log_forget.shape != query.shape[:3]:
        raise InputError(
            "log_forget must be (batch, heads, queries), one gate per query and head, here "
            f"{(batch, heads, queries)}; got {tuple(log_forget.shape)}."
        )
    if query.dtype not in DTYPES or key.dtype != query.dtype or value.dtype != query.dtype:
        raise InputError(
            "query, key and value must share one of float32, float64, bfloat16 and float16; "
            f"got {query.dtype}, {key.dtype} and {value.dtype}."
        )
    if log_forget.dtype not in (query.dtype, torch.float32):
        raise InputError(f"log_forget must be float32 or {query.dtype} as query is; got {log_forget.dtype}.")
    tensors = {"key": key, "value": value, "log_forget": log_forget, "document_ids": document_ids}
    for name, tensor in tensors.items():
        if tensor is not None and tensor.device != query.device:
            raise InputError(f"{name} is on {tensor.device} but query is on {query.device}; move one to the other.")
    if document_ids is not None:
        if document_ids.shape != (batch, keys):
            raise InputError(
                f"document_ids must be (batch, keys), here {(batch, keys)}; got {tuple(document_ids.shape)}."
            )
        if document_ids.is_floating_point() or document_ids.is_complex() or document_ids.dtype == torch.bool:
            raise InputError(f"document_ids must be integers; got {document_ids.dtype}.")
    if math.isnan(threshold):
        raise InputError("threshold is NaN; give a number (the paper's is 0).")
    if scale is not None and not (scale > 0 and math.isfinite(scale)):
        raise InputError(f"scale must be a positive finite number; got {scale}.")
    if skip_tolerance is not None and not 0 <= skip_tolerance < 1:
        raise InputError(
            f"skip_tolerance is a fraction of the softmax mass, at least 0 and below 1; got {skip_tolerance}."
        )
    if largest_key_norm is not None and not (largest_key_norm >= 0 and math.isfinite(largest_key_norm)):
        raise InputError(f"largest_key_norm must be a finite number, at least 0; got {largest_key_norm}.")
    if scale is None:
        scale = 1.0 / math.sqrt(head_dim) if head_dim else 1.0
    # Products are compared before they are scaled, because integer products meet an integer limit exactly in any dtype.
    limit = round(threshold / scale, DECIMALS) if math.isfinite(threshold) else threshold
    if skip_tolerance is None:
        skip_tolerance = torch.finfo(wide(query.dtype)).eps / 2
    return Problem(query, key, value, log_forget, document_ids, limit, scale, skip_tolerance, largest_key_norm)


def check_gates(log_forget: Tensor) -> None:
    """Raise :class:`InputError` for a gate above 1."""
    if (log_forget > 0).any():
        raise InputError(
            f"log_forget must be at most 0, the logarithm of a gate in (0, 1]; its largest value is "
            f"{log_forget.max().item():g}. Pass logsigmoid(x), not x."
        )
