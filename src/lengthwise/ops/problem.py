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


def wide(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype that sums are computed in: float64 for float64, float32 for all others."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def cast(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cast queries, keys and values to the dtype of autocast, if it is on."""
    dtype = autocast_dtype(query.device.type)
    return (query.to(dtype), key.to(dtype), value.to(dtype)) if dtype else (query, key, value)


def check_vectors(query: Tensor, key: Tensor, value: Tensor) -> None:
    """Check that shapes and dtypes of queries, keys and values fit.

    Raises:
        InputError: in one sentence, for the first that does not fit.
    """
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


def check_the_rest(
    query: Tensor,
    others: Mapping[str, Tensor | None],
    document_ids: Tensor | None,
    keys: int,
    scale: float | None,
    skip_tolerance: float | None,
    share: str,
) -> tuple[float, float]:
    """Check devices, documents and numbers, and return scale and tolerance with the defaults filled in.

    Args:
        query: the queries, which have passed :func:`check_vectors`.
        others: all other tensors but ``document_ids``, by name.
        document_ids: the documents of the keys.
        keys: number of keys.
        scale: factor on the products; None for ``1 / sqrt(head_dim)``.
        skip_tolerance: None for half the ``eps`` of the dtype that sums are computed in.
        share: what ``skip_tolerance`` is a fraction of.

    Raises:
        InputError: in one sentence, for the first argument that does not fit.
    """
    for name, tensor in {**others, "document_ids": document_ids}.items():
        if tensor is not None and tensor.device != query.device:
            raise InputError(f"{name} is on {tensor.device} but query is on {query.device}; move one to the other.")
    if document_ids is not None:
        if document_ids.shape != (query.shape[0], keys):
            raise InputError(
                f"document_ids must be (batch, keys), here {(query.shape[0], keys)}; got {tuple(document_ids.shape)}."
            )
        if document_ids.is_floating_point() or document_ids.is_complex() or document_ids.dtype == torch.bool:
            raise InputError(f"document_ids must be integers; got {document_ids.dtype}.")
    if scale is not None and not (scale > 0 and math.isfinite(scale)):
        raise InputError(f"scale must be a positive finite number; got {scale}.")
    if skip_tolerance is not None and not 0 <= skip_tolerance < 1:
        raise InputError(f"skip_tolerance is a fraction of {share}, at least 0 and below 1; got {skip_tolerance}.")
    width = query.shape[-1]
    return (
        (1.0 / math.sqrt(width) if width else 1.0) if scale is None else scale,
        torch.finfo(wide(query.dtype)).eps / 2 if skip_tolerance is None else skip_tolerance,
    )
