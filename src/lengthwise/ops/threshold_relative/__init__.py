"""Threshold relative attention (arXiv 2503.23174): the public function, its checks, and the choice of a backend."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.ops.threshold_relative import blockwise, reference
from lengthwise.registry import unknown

__all__ = ["BACKENDS", "threshold_relative_attention"]

BACKENDS = {"reference": reference.attend, "blockwise": blockwise.attend}

_DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


def threshold_relative_attention(
    query: Float[Tensor, "batch heads queries head_dim"],
    key: Float[Tensor, "batch kv_heads keys head_dim"],
    value: Float[Tensor, "batch kv_heads keys head_dim"],
    log_forget: Float[Tensor, "batch heads queries"],
    *,
    threshold: float = 0.0,
    scale: float | None = None,
    document_ids: Int[Tensor, "batch keys"] | None = None,
    backend: str = "auto",
    skip_tolerance: float | None = None,
) -> Float[Tensor, "batch heads queries head_dim"]:
    r"""Causal attention over relevant keys only, with distance counted over those keys (arXiv 2503.23174).

    With :math:`s_{ij} = \text{scale} \cdot q_i \cdot k_j`, a key is *kept* when it is visible (``j <= i``, same
    document) and :math:`s_{ij} > \text{threshold}`; :math:`c_{ij}` counts the kept keys from ``j`` up to the query;
    then

    .. math:: o_i = \sum_{j\ \text{kept}} \frac{\exp(s_{ij} + \delta_i c_{ij})}
                                         {\sum_{m\ \text{kept}} \exp(s_{im} + \delta_i c_{im})}\, v_j

    where :math:`\delta_i \le 0` is ``log_forget``, the query's own forget gate. A query that keeps no key gets zeros.
    The paper's queries and keys are RMS-normalised: that is the caller's part
    (:class:`lengthwise.ThresholdRelativeAttention` does it).

    The queries are aligned with the *last* keys: query ``i`` stands at position ``keys - queries + i``. A decoding step
    is therefore ``queries = 1`` against the cached keys, and a chunk of a prefill is anything in between.

    Args:
        query: float32, float64, bfloat16 or float16. Half precision is computed in float32 and rounded at the end.
        key: same dtype and device as ``query``; ``kv_heads`` divides ``heads`` (grouped heads share a key head).
        value: same shape as ``key``.
        log_forget: logarithm of the forget gate per query and head, at most 0; the query's dtype or float32.
        threshold: a key is kept when its score is *greater* than this; a score equal to it is not kept.
        scale: factor on the dot products, positive; ``1 / sqrt(head_dim)`` by default.
        document_ids: integers; a query sees only keys of its own document. Packed documents and padding (an id of its
            own) need nothing else.
        backend: ``"reference"`` materialises the (queries, keys) scores and defines the result; ``"blockwise"`` walks
            tiles of keys from the newest to the oldest in memory linear in the tokens; ``"auto"`` takes the fastest
            that fits.
        skip_tolerance: the walk may stop once all keys still to come hold at most this fraction of a row's softmax
            mass; the default is half the float32 (float64) rounding unit, which is exact to that precision. 0 visits
            every key. The reference always does.

    Returns:
        The attended values, with the shape and the dtype of ``query``. NaN in a gate makes its row NaN; NaN or infinity
        in a query or a key, every row that meets it in a score (a score of minus infinity is below any threshold); in a
        value, every row that gives such values more than ``skip_tolerance`` of its softmax mass.

    Raises:
        InputError: for shapes, dtypes, devices or values that do not fit, in one sentence.
    """
    _check(query, key, value, log_forget, threshold, scale, document_ids, skip_tolerance)
    if backend == "auto":
        backend = "blockwise"
    if backend not in BACKENDS:
        raise InputError(unknown("backend", backend, [*BACKENDS, "auto"]))
    if query.numel() == 0:
        return (query * log_forget[..., None]).to(query.dtype)
    if scale is None:
        scale = 1.0 / math.sqrt(query.shape[-1])
    # Products are compared before they are scaled: integers meet a limit exactly there, in any dtype. It is rounded,
    # because n * scale / scale is not always n to the last bit.
    limit = round(threshold / scale, 12) if math.isfinite(threshold) else threshold
    if skip_tolerance is None:
        skip_tolerance = torch.finfo(torch.float64 if query.dtype == torch.float64 else torch.float32).eps / 2

    def attend(value: Tensor) -> Tensor:
        return BACKENDS[backend](query, key, value, log_forget, limit, scale, document_ids, skip_tolerance)

    output = attend(value)
    if not output.isfinite().all() and not value.isfinite().all():
        # A product with weight 0 turns a NaN or infinite value into NaN for rows that never asked for it, earlier
        # ones included. So attend to the finite part, and mark the rows that do give such a value weight.
        broken = ~value.isfinite()
        touched = attend(broken.to(value.dtype)).detach() > skip_tolerance
        output = attend(value.masked_fill(broken, 0)).masked_fill(touched, torch.nan)
    return output


def _check(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    log_forget: Tensor,
    threshold: float,
    scale: float | None,
    document_ids: Tensor | None,
    skip_tolerance: float | None,
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
    if query.dtype not in _DTYPES or key.dtype != query.dtype or value.dtype != query.dtype:
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
    if (log_forget > 0).any():
        raise InputError(
            f"log_forget must be at most 0, the logarithm of a gate in (0, 1]; its largest value is "
            f"{log_forget.max().item():g}. Pass logsigmoid(x), not x."
        )
