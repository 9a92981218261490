"""Forgetting attention (arXiv 2503.02130): the public function, and the choice of a backend."""

from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.ops.choice import Choice
from lengthwise.ops.forgetting import reference, walk
from lengthwise.ops.forgetting.problem import pose

__all__ = ["BACKENDS", "forgetting_attention"]

BACKENDS = {of.name: of for of in (reference.BACKEND, *walk.BACKENDS)}
CHOICE = Choice(BACKENDS, walk.KIND, fastest={"cpu": "native", "cuda": "triton"}, otherwise="reference")


def forgetting_attention(
    query: Float[Tensor, "batch heads queries head_dim"],
    key: Float[Tensor, "batch kv_heads keys head_dim"],
    value: Float[Tensor, "batch kv_heads keys head_dim"],
    log_forget: Float[Tensor, "batch heads keys"],
    *,
    sink: Float[Tensor, "#batch #heads #queries"] | None = None,
    scale: float | None = None,
    document_ids: Int[Tensor, "batch keys"] | None = None,
    backend: str = "auto",
    skip_tolerance: float | None = None,
) -> Float[Tensor, "batch heads queries head_dim"]:
    r"""Compute causal softmax attention in which the gates of the tokens in between weaken a key (arXiv 2503.02130).

    With :math:`C_j = \sum_{k \le j} \log f_k`,

    .. math:: o_i = \sum_{j \le i} \frac{\exp(\text{scale} \cdot q_i \cdot k_j + C_i - C_j)}
                                         {\sum_{m \le i} \exp(\text{scale} \cdot q_i \cdot k_m + C_i - C_m)}\, v_j

    Gates that are the same at every token give a bias that is linear in the distance: with ``log_forget = -slope`` this
    is ALiBi (arXiv 2108.12409). The queries are aligned with the *last* keys, as in
    :func:`~lengthwise.threshold_relative_attention`.

    Args:
        query: float32, float64, bfloat16 or float16. Half precision is computed in float32 and rounded at the end.
        key: same dtype and device as ``query``; ``kv_heads`` divides ``heads`` (grouped heads share a key head).
        value: same shape as ``key``.
        log_forget: floating-point numbers, at most 0: the logarithm of each key's forget gate, for each query head.
            They are added up in float64, and less than -10,000 counts as -10,000.
        sink: floating-point numbers: one more logit of each query, which takes weight and gives nothing. 0 is softmax
            off by one.
        scale: factor on the dot products, positive; ``1 / sqrt(head_dim)`` by default.
        document_ids: integers; a query sees only keys of its own document.
        backend: ``"reference"`` materialises the (queries, keys) scores and defines the result; ``"native"`` walks from
            the newest key to the oldest in memory linear in the tokens, in C++, for float32 and bfloat16 on the CPU;
            ``"triton"`` is the same walk on an NVIDIA GPU, for all dtypes but float64 and for ``head_dim`` up to 256;
            ``"auto"`` takes the device's own backend if it takes the tensors.
        skip_tolerance: the walk may stop once the remaining keys hold at most this fraction of a row's softmax mass, by
            a bound that is proved (``docs/horizon.md``); the default is half the float32 ``eps``, which is exact to
            that precision. 0 visits every key.

    Returns:
        The attended values, with the shape and the dtype of ``query``.

    Raises:
        InputError: for shapes, dtypes, devices or values that do not fit, in one sentence. The Triton kernels, which
            run ahead of Python, do not refuse a gate above 1; the rows from this gate on are then NaN.
    """
    problem = pose(query, key, value, log_forget, sink, document_ids, scale, skip_tolerance)
    return CHOICE.attend(problem, backend)[0].to(problem.query.dtype)
