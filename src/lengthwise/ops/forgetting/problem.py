"""One call of forgetting attention, checked and complete."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.ops.problem import check, check_gates, sink_of_queries

LEAST = -1e4
"""Logarithms of gates are clipped here. In float32 a gate is 0 long before, and sums of millions of such logarithms
still differ by small numbers in float64."""


class Problem(NamedTuple):
    """Arguments of a call after all checks, in the order of the operators' arguments."""

    query: Float[Tensor, "batch heads queries head_dim"]
    key: Float[Tensor, "batch kv_heads keys head_dim"]
    value: Float[Tensor, "batch kv_heads keys head_dim"]
    forgotten: Float[Tensor, "batch heads keys"]
    """Running sums of the logarithms of the gates, from the first key on; in float64, where the device has it.

    A compiler has no numbers to check, so a backend calls :func:`check_sums` where it has them."""
    sink: Float[Tensor, "batch heads sinks"]
    """One more logit of each query; no numbers if there is no sink."""
    document_ids: Int[Tensor, "batch keys"] | None
    scale: float
    skip_tolerance: float


def pose(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    log_forget: Tensor,
    sink: Tensor | None,
    document_ids: Tensor | None,
    scale: float | None,
    skip_tolerance: float | None,
) -> Problem:
    """Check the arguments of the public function, add up the gates, and fill in the defaults.

    Raises:
        InputError: in one sentence, for the first argument that does not fit.
    """
    query, key, value, *numbers = check(
        query,
        key,
        value,
        document_ids,
        scale,
        skip_tolerance,
        besides={"log_forget": log_forget, "sink": sink},
    )
    batch, heads, keys = query.shape[0], query.shape[1], key.shape[2]
    if log_forget.shape != (batch, heads, keys):
        raise InputError(
            f"log_forget must be (batch, heads, keys), one gate per key and head, here {(batch, heads, keys)}; "
            f"got {tuple(log_forget.shape)}."
        )
    if not log_forget.is_floating_point():
        raise InputError(f"log_forget must be floating-point numbers; got {log_forget.dtype}.")
    widest = torch.float32 if log_forget.device.type == "mps" else torch.float64
    forgotten = log_forget.clamp(min=LEAST).cumsum(-1, dtype=widest)
    return Problem(query, key, value, forgotten, sink_of_queries(sink, query), document_ids, *numbers)


def check_sums(forgotten: Tensor) -> None:
    """Raise :class:`InputError` for a gate above 1, with which the running sums rise."""
    check_gates(forgotten.diff(dim=-1, prepend=torch.zeros_like(forgotten[..., :1])))
