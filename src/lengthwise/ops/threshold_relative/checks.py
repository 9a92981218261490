"""What the operator's arguments have to be."""

import math

import torch
from torch import Tensor

from lengthwise.errors import InputError

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


def check(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    log_forget: Tensor,
    threshold: float,
    scale: float | None,
    document_ids: Tensor | None,
    skip_tolerance: float | None,
    largest_key_norm: float | None,
) -> None:
    """Raise :class:`InputError` in one sentence for the first argument that does not fit."""
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


def check_gates(log_forget: Tensor) -> None:
    """Raise :class:`InputError` for a gate above 1. A backend asks where the numbers are: a compiler has none."""
    if (log_forget > 0).any():
        raise InputError(
            f"log_forget must be at most 0, the logarithm of a gate in (0, 1]; its largest value is "
            f"{log_forget.max().item():g}. Pass logsigmoid(x), not x."
        )
