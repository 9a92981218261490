"""Threshold relative attention (arXiv 2503.23174): the public function, its checks, and the choice of a backend."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.ops.choice import Choice
from lengthwise.ops.threshold_relative import blockwise, native, reference, triton
from lengthwise.ops.threshold_relative.operator import KIND
from lengthwise.ops.threshold_relative.problem import pose
from lengthwise.ops.threshold_relative.strict import with_zeros, without_own_keys

__all__ = ["BACKENDS", "threshold_relative_attention", "visited_tiles"]

BACKENDS = {of.name: of for of in (reference.BACKEND, blockwise.BACKEND, native.BACKEND, triton.BACKEND)}
CHOICE = Choice(BACKENDS, KIND, fastest={"cpu": "native", "cuda": "triton"}, otherwise="blockwise")


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
    strict: bool = False,
) -> Float[Tensor, "batch heads queries head_dim"]:
    r"""Compute causal attention over relevant keys only, with distance counted over these keys (arXiv 2503.23174).

    With :math:`s_{ij} = \text{scale} \cdot q_i \cdot k_j`, a key is *kept* when it is visible (``j <= i``, same
    document) and :math:`s_{ij} > \text{threshold}`; :math:`c_{ij}` counts the kept keys from ``j`` up to the query.
    Then

    .. math:: o_i = \sum_{j\ \text{kept}} \frac{\exp(s_{ij} + \delta_i c_{ij})}
                                         {\sum_{m\ \text{kept}} \exp(s_{im} + \delta_i c_{im})}\, v_j

    where :math:`\delta_i \le 0` is ``log_forget``, the logarithm of the query's own forget gate. A query that keeps no
    key gets zeros. The paper RMS-normalises queries and keys; here the caller has to do so
    (:class:`lengthwise.ThresholdRelativeAttention` does).

    The queries are aligned with the *last* keys: query ``i`` stands at position ``keys - queries + i``. A decoding step
    therefore has ``queries = 1`` against the cached keys, and a chunk of a prefill has any number of queries.

    Args:
        query: float32, float64, bfloat16 or float16. Half precision is computed in float32 and rounded at the end.
        key: same dtype and device as ``query``; ``kv_heads`` divides ``heads`` (grouped heads share a key head).
        value: same shape as ``key``.
        log_forget: logarithm of the forget gate per query and head, at most 0; the query's dtype or float32.
        threshold: a key is kept when its score is *greater* than this; a score equal to it is not kept.
        scale: factor on the dot products, positive; ``1 / sqrt(head_dim)`` by default.
        document_ids: integers; a query sees only keys of its own document. Packed documents need nothing else, nor does
            padding, which is a document with its own id.
        backend: ``"reference"`` materialises the (queries, keys) scores and defines the result; ``"blockwise"`` walks
            tiles of keys from the newest to the oldest in memory linear in the tokens, on any device; ``"native"`` is
            the same walk in C++, for float32 and bfloat16 on the CPU; ``"triton"`` runs on NVIDIA GPUs of compute
            capability 8.0 or later, for all dtypes but float64 and for ``head_dim`` up to 256; ``"auto"`` takes
            ``"native"`` on the CPU and ``"triton"`` on a GPU if they take the tensors, else ``"blockwise"``.
        skip_tolerance: the walk may stop once the remaining keys hold at most this fraction of a row's softmax mass;
            the default is half the float32 (float64) ``eps``, which is exact to that precision. 0 visits every key. The
            reference always visits every key.
        largest_key_norm: an upper bound on the norm of every key, if the caller knows one (for RMS-normalised keys
            ``sqrt(head_dim)`` and a little for rounding). Without the bound, every key is read to find the horizon,
            which is most of the work of a decoding step.
        strict: True if a query sees only the keys before its own, ``j < i``, so that a query without earlier keys gets
            zeros. Equal document ids must then be contiguous.

    Under autocast, query, key and value are cast to autocast's dtype. The gates are not cast, because the distance
    would multiply their error.

    The memory of a backward pass is linear in the tokens, as that of the forward pass. Further derivatives are right in
    every backend, but the reference computes them, in memory quadratic in the tokens: derivatives of gradients
    (``create_graph=True``), forward mode, and all of ``torch.func``, including ``grad`` and gradients per sample.
    ``torch.vmap`` by itself folds the mapped dimension into the batch. Where ``torch.vmap`` maps the reference, Python
    cannot read the gates, so a gate above 1 makes its row NaN. A compiled function has only a backward pass, because
    ``torch.compile`` supports no more; but a function that computes a derivative by ``torch.func`` can be compiled.

    Returns:
        The attended values, with the shape and the dtype of ``query``. NaN in a gate makes its row NaN. NaN or infinity
        in a query or a key makes every row NaN that has it in a score (but a score of minus infinity is below any
        threshold). NaN or infinity in a value makes every row NaN that gives such values more than ``skip_tolerance``
        of its softmax mass.

    Raises:
        InputError: for shapes, dtypes, devices or values that do not fit, in one sentence. A gate above 1 is refused on
            the CPU; the Triton kernels, which run ahead of Python, make its row NaN.
    """
    problem = pose(query, key, value, log_forget, document_ids, threshold, scale, skip_tolerance, largest_key_norm)
    attended = CHOICE.attend(without_own_keys(problem) if strict else problem, backend)[0].to(problem.query.dtype)
    return with_zeros(attended, problem) if strict else attended


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
    """Count the tiles of 64 keys that each query visits before its horizon, including its own tile.

    Arguments and errors are those of :func:`threshold_relative_attention`; the values do not matter. For strict
    attention, leave out the newest key.
    """
    with torch.no_grad():
        problem = pose(query, key, key, log_forget, document_ids, threshold, scale, skip_tolerance, largest_key_norm)
        return CHOICE.attend(problem, backend)[1][-1].to(torch.int32)
