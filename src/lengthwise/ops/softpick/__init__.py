"""Softpick attention (arXiv 2504.20966): the public function, and the choice of a backend."""

from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.ops.choice import Choice
from lengthwise.ops.softpick import reference, walk
from lengthwise.ops.softpick.problem import pose

__all__ = ["BACKENDS", "softpick_attention"]

BACKENDS = {of.name: of for of in (reference.BACKEND, *walk.BACKENDS)}
CHOICE = Choice(BACKENDS, walk.KIND, fastest={"cpu": "native", "cuda": "triton"}, otherwise="reference")


def softpick_attention(
    query: Float[Tensor, "batch heads queries head_dim"],
    key: Float[Tensor, "batch kv_heads keys head_dim"],
    value: Float[Tensor, "batch kv_heads keys head_dim"],
    *,
    scale: float | None = None,
    document_ids: Int[Tensor, "batch keys"] | None = None,
    backend: str = "auto",
) -> Float[Tensor, "batch heads queries head_dim"]:
    r"""Attend by a rectified softmax, which can attend to nothing and so needs no sink (arXiv 2504.20966), causally.

    With :math:`z_{ij} = \text{scale} \cdot q_i \cdot k_j`,

    .. math:: o_i = \frac{\sum_{j \le i} \operatorname{relu}(e^{z_{ij}} - 1)\, v_j}
                         {\sum_{j \le i} |e^{z_{ij}} - 1| + 10^{-8}}

    The queries are aligned with the *last* keys, as in :func:`~lengthwise.threshold_relative_attention`.

    Args:
        query: float32, float64, bfloat16 or float16. Half precision is computed in float32 and rounded at the end.
        key: same dtype and device as ``query``; ``kv_heads`` divides ``heads`` (grouped heads share a key head).
        value: same shape as ``key``.
        scale: factor on the dot products, positive; ``1 / sqrt(head_dim)`` by default.
        document_ids: integers; a query sees only keys of its own document.
        backend: ``"reference"`` materialises the (queries, keys) scores and defines the result; ``"native"`` walks over
            the keys in memory linear in the tokens, in C++, for float32 and bfloat16 on the CPU; ``"triton"`` is the
            same walk on an NVIDIA GPU, for all dtypes but float64 and for ``head_dim`` up to 256; ``"auto"`` takes the
            device's own backend if it takes the tensors.

    Returns:
        The attended values, with the shape and the dtype of ``query``.

    Raises:
        InputError: for shapes, dtypes, devices or values that do not fit, in one sentence.
    """
    problem = pose(query, key, value, document_ids, scale)
    return CHOICE.attend(problem, backend)[0].to(problem.query.dtype)
