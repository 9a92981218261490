"""Stick-breaking attention (arXiv 2410.17980): the public function, and the choice of a backend."""

from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.ops.choice import Choice
from lengthwise.ops.stick_breaking import reference, walk
from lengthwise.ops.stick_breaking.problem import pose

__all__ = ["BACKENDS", "stick_breaking_attention"]

BACKENDS = {of.name: of for of in (reference.BACKEND, *walk.BACKENDS)}
CHOICE = Choice(BACKENDS, walk.KIND, fastest={"cpu": "native", "cuda": "triton"}, otherwise="reference")


def stick_breaking_attention(
    query: Float[Tensor, "batch heads queries head_dim"],
    key: Float[Tensor, "batch kv_heads keys head_dim"],
    value: Float[Tensor, "batch kv_heads keys head_dim"],
    *,
    scale: float | None = None,
    document_ids: Int[Tensor, "batch keys"] | None = None,
    backend: str = "auto",
    skip_tolerance: float | None = None,
) -> Float[Tensor, "batch heads queries head_dim"]:
    r"""Let each key, from the newest to the oldest, take a share of the weight that newer keys left (arXiv 2410.17980).

    With :math:`z_{ij} = \text{scale} \cdot q_i \cdot k_j`,

    .. math:: o_i = \sum_{j < i} \sigma(z_{ij}) \prod_{j < k < i} (1 - \sigma(z_{ik}))\, v_j

    A query does not see its own key, and a query without earlier keys gets zeros. What is left of the weight at the end
    is unused. The queries are aligned with the *last* keys, as in
    :func:`~lengthwise.threshold_relative_attention`.

    Args:
        query: float32, float64, bfloat16 or float16. Half precision is computed in float32 and rounded at the end.
        key: same dtype and device as ``query``; ``kv_heads`` divides ``heads`` (grouped heads share a key head).
        value: same shape as ``key``.
        scale: factor on the dot products, positive; ``1 / sqrt(head_dim)`` by default.
        document_ids: integers; a query sees only keys of its own document.
        backend: ``"reference"`` materialises the (queries, keys) scores and defines the result; ``"native"`` walks from
            the newest key to the oldest in memory linear in the tokens, in C++, for float32 and bfloat16 on the CPU;
            ``"triton"`` is the same walk on an NVIDIA GPU, for all dtypes but float64 and for ``head_dim`` up to 256;
            ``"auto"`` takes the device's own backend if it takes the tensors.
        skip_tolerance: the walk may stop once this much of the weight, or less, is left for all remaining keys; the
            default is half the float32 ``eps``, which is exact to that precision. 0 visits every key.

    Returns:
        The attended values, with the shape and the dtype of ``query``.

    Raises:
        InputError: for shapes, dtypes, devices or values that do not fit, in one sentence.
    """
    problem = pose(query, key, value, document_ids, scale, skip_tolerance)
    return CHOICE.attend(problem, backend)[0].to(problem.query.dtype)
