"""Threshold relative attention (arXiv 2503.23174): the public function, its checks, and the choice of a backend."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.ops.threshold_relative import blockwise, native, reference, triton
from lengthwise.ops.threshold_relative.modes import beyond_backward, without_autocast
from lengthwise.ops.threshold_relative.problem import Problem, pose
from lengthwise.registry import unknown

__all__ = ["BACKENDS", "threshold_relative_attention", "visited_tiles"]

BACKENDS = {of.name: of for of in (reference.BACKEND, blockwise.BACKEND, native.BACKEND, triton.BACKEND)}
FASTEST = {"cpu": "native", "cuda": "triton"}
"""What ``"auto"`` takes on a type of device, where it takes the tensors; everywhere else, ``"blockwise"``."""


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
    largest_key_norm: float | None = None,
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
            tiles of keys from the newest to the oldest in memory linear in the tokens, on any device; ``"native"`` is
            the same walk in C++, for float32 and bfloat16 on the CPU; ``"triton"`` on NVIDIA GPUs of compute
            capability 8.0 or later, for all dtypes but float64 and heads of up to 256 numbers; ``"auto"`` takes
            ``"native"`` on the CPU and ``"triton"`` on a GPU where they take the tensors, else ``"blockwise"``.
        skip_tolerance: the walk may stop once all keys still to come hold at most this fraction of a row's softmax
            mass; the default is half the float32 (float64) rounding unit, which is exact to that precision. 0 visits
            every key. The reference always does.
        largest_key_norm: at least the norm of every key, where the caller knows such a number (``sqrt(head_dim)`` and a
            little for rounding, of RMS-normalised keys). Without it, every key is read to find the horizon, which is
            most of the work of a decoding step.

    Under autocast, query, key and value are cast to its dtype, and the gates are left alone: their error would be
    multiplied by the distance.

    A backward pass is as linear in memory as the output is. Derivatives beyond it are right in every backend, but they
    are the reference's, and their memory is quadratic in the tokens: those of gradients (``create_graph=True``),
    forward mode, and all of ``torch.func``, ``grad`` and gradients per sample included. ``torch.vmap`` by itself folds
    the mapped dimension into the batch; where it maps the reference, which can then not be asked for its numbers, a
    gate above 1 makes its row NaN. A compiled function has a backward pass alone, for ``torch.compile`` gives it no
    more; but what computes a derivative of ``torch.func`` can be compiled.

    Returns:
        The attended values, with the shape and the dtype of ``query``. NaN in a gate makes its row NaN; NaN or infinity
        in a query or a key, every row that meets it in a score (a score of minus infinity is below any threshold); in a
        value, every row that gives such values more than ``skip_tolerance`` of its softmax mass.

    Raises:
        InputError: for shapes, dtypes, devices or values that do not fit, in one sentence. A gate above 1 is refused on
            the CPU; the Triton kernels, which run ahead of Python, make its row NaN.
    """
    problem = pose(query, key, value, log_forget, document_ids, threshold, scale, skip_tolerance, largest_key_norm)
    return _attend(problem, backend)[0].to(problem.query.dtype)


def visited_tiles(
    query: Float[Tensor, "batch heads queries head_dim"],
    key: Float[Tensor, "batch kv_heads keys head_dim"],
    log_forget: Float[Tensor, "batch heads queries"],
    *,
    threshold: float = 0.0,
    scale: float | None = None,
    document_ids: Int[Tensor, "batch keys"] | None = None,
    backend: str = "auto",
    skip_tolerance: float | None = None,
    largest_key_norm: float | None = None,
) -> Int[Tensor, "batch heads queries"]:
    """How many tiles of 64 keys each query visits before its horizon, its own tile included.

    Arguments and errors are those of :func:`threshold_relative_attention`; the values do not matter.
    """
    with torch.no_grad():
        problem = pose(query, key, key, log_forget, document_ids, threshold, scale, skip_tolerance, largest_key_norm)
        return _attend(problem, backend)[1][-1].to(torch.int32)


def _attend(problem: Problem, name: str) -> tuple[Tensor, Tensor]:
    """Return what the backend of that name saves: output and rows."""
    query, key, value, log_forget, *_ = problem
    device = query.device.type
    chosen = FASTEST.get(device, "blockwise") if name == "auto" else name
    if chosen not in BACKENDS:
        raise InputError(unknown("backend", name, [*BACKENDS, "auto"]))
    if query.numel() == 0:
        # Nothing, and yet a function of every argument: the gradients are zeros.
        return query * log_forget[..., None] + key.sum() + value.sum(), torch.zeros_like(log_forget)[None]
    backend = BACKENDS["reference" if beyond_backward(query, key, value, log_forget) else chosen]
    if sentence := backend.refusal(problem):
        if name != "auto":
            raise InputError(sentence)
        backend = BACKENDS["blockwise"]
    with without_autocast(device):
        return backend.attend(problem)
