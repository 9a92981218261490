"""1.5-entmax attention (arXiv 1905.05702): the public function, and the choice of a backend."""

from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.ops.choice import Choice
from lengthwise.ops.entmax import reference, walk
from lengthwise.ops.entmax.problem import pose

__all__ = ["BACKENDS", "entmax_attention"]

BACKENDS = {of.name: of for of in (reference.BACKEND, *walk.BACKENDS)}
CHOICE = Choice(BACKENDS, walk.KIND, fastest={"cpu": "native"}, otherwise="reference")


def entmax_attention(
    query: Float[Tensor, "batch heads queries head_dim"],
    key: Float[Tensor, "batch kv_heads keys head_dim"],
    value: Float[Tensor, "batch kv_heads keys head_dim"],
    bias: Float[Tensor, "heads keys"] | None = None,
    *,
    scale: float | None = None,
    document_ids: Int[Tensor, "batch keys"] | None = None,
    backend: str = "auto",
) -> Float[Tensor, "batch heads queries head_dim"]:
    r"""Attend by 1.5-entmax, which gives exact zeros to irrelevant keys (arXiv 1905.05702), causally.

    With :math:`z_{ij} = \text{scale} \cdot q_i \cdot k_j + b_{i - j}`,

    .. math:: o_i = \sum_{j \le i} \left[\tfrac{1}{2} z_{ij} - \tau_i\right]_+^2 v_j

    where the threshold :math:`\tau_i` is the number at which the weights of a query sum to 1. A key whose score is 2 or
    more below the highest has no weight: with a bias that falls with distance, a query has an exact horizon, beyond
    which the walk reads no key. The queries are aligned with the *last* keys, as in
    :func:`~lengthwise.threshold_relative_attention`.

    Args:
        query: float32, float64, bfloat16 or float16. Half precision is computed in float32 and rounded at the end.
        key: same dtype and device as ``query``; ``kv_heads`` divides ``heads`` (grouped heads share a key head).
        value: same shape as ``key``.
        bias: floating-point numbers, the bias of each query head at the distances 0, 1, ... ``keys - 1``. Minus
            infinity hides keys at that distance; a query to which all keys are hidden gets zeros.
        scale: factor on the dot products, positive; ``1 / sqrt(head_dim)`` by default.
        document_ids: integers; a query sees only keys of its own document.
        backend: ``"reference"`` materialises the (queries, keys) scores and defines the result; ``"native"`` walks over
            the keys in memory linear in the tokens, in C++, for float32 and bfloat16 on the CPU; ``"auto"`` takes
            ``"native"`` if it takes the tensors.

    Returns:
        The attended values, with the shape and the dtype of ``query``.

    Raises:
        InputError: for shapes, dtypes, devices or values that do not fit, in one sentence.
    """
    problem = pose(query, key, value, bias, document_ids, scale)
    return CHOICE.attend(problem, backend)[0].to(problem.query.dtype)
