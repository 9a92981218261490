"""One call of the operator, checked and complete: the input and the output of every backend."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.ops.problem import check

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
    query, key, value, scale, skip_tolerance = check(
        query, key, value, document_ids, scale, skip_tolerance, besides={"log_forget": log_forget}
    )
    if log_forget.shape != query.shape[:3]:
        raise InputError(
            "log_forget must be (batch, heads, queries), one gate per query and head, here "
            f"{tuple(query.shape[:3])}; got {tuple(log_forget.shape)}."
        )
    if log_forget.dtype not in (query.dtype, torch.float32):
        raise InputError(f"log_forget must be float32 or {query.dtype} as query is; got {log_forget.dtype}.")
    if math.isnan(threshold):
        raise InputError("threshold is NaN; give a number (the paper's is 0).")
    if largest_key_norm is not None and not (largest_key_norm >= 0 and math.isfinite(largest_key_norm)):
        raise InputError(f"largest_key_norm must be a finite number, at least 0; got {largest_key_norm}.")
    # Products are compared before they are scaled, because integer products meet an integer limit exactly in any dtype.
    limit = round(threshold / scale, DECIMALS) if math.isfinite(threshold) else threshold
    return Problem(query, key, value, log_forget, document_ids, limit, scale, skip_tolerance, largest_key_norm)
