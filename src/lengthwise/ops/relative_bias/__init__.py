"""Attention with a piecewise linear bias of relative distance (FIRE): the public function, and the backends."""

from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.ops.choice import Choice
from lengthwise.ops.curve import Curve
from lengthwise.ops.relative_bias import reference, walk
from lengthwise.ops.relative_bias.problem import pose

__all__ = ["BACKENDS", "relative_bias_attention"]

BACKENDS = {of.name: of for of in (reference.BACKEND, *walk.BACKENDS)}
CHOICE = Choice(BACKENDS, walk.KIND, fastest={"cpu": "native"}, otherwise="reference")


def relative_bias_attention(
    query: Float[Tensor, "batch heads queries head_dim"],
    key: Float[Tensor, "batch kv_heads keys head_dim"],
    value: Float[Tensor, "batch kv_heads keys head_dim"],
    curve: Curve,
    *,
    sink: Float[Tensor, "#batch #heads #queries"] | None = None,
    scale: float | None = None,
    document_ids: Int[Tensor, "batch keys"] | None = None,
    backend: str = "auto",
    skip_tolerance: float | None = None,
) -> Float[Tensor, "batch heads queries head_dim"]:
    r"""Compute causal softmax attention with a bias of relative distance, and the gradient of all that it is made of.

    .. math:: o_i = \sum_{j \le i} \frac{\exp(\text{scale} \cdot q_i \cdot k_j + f(x_{i - j} / l_i))}
                                         {\sum_{m \le i} \exp(\text{scale} \cdot q_i \cdot k_m + f(x_{i - m} / l_i))}
                                    \, v_j

    where :math:`f` is a continuous, piecewise linear function of each head, such as a network with one hidden layer of
    ReLU. With :math:`x_d = \log(c d + 1)` and :math:`l_i = \log(c \max(i, L) + 1)` this is FIRE (arXiv 2310.04418, eq.
    7). The queries are aligned with the *last* keys, as in :func:`~lengthwise.threshold_relative_attention`.

    Args:
        query: float32, float64, bfloat16 or float16. Half precision is computed in float32 and rounded at the end.
        key: same dtype and device as ``query``; ``kv_heads`` divides ``heads`` (grouped heads share a key head).
        value: same shape as ``key``.
        curve: the function, and the numbers that it is applied to; all get gradients but the knots, on which a
            continuous function does not depend.
        sink: floating-point numbers: one more logit of each query, which takes weight and gives nothing. 0 is softmax
            off by one.
        scale: factor on the dot products, positive; ``1 / sqrt(head_dim)`` by default.
        document_ids: integers; a query sees only keys of its own document.
        backend: ``"reference"`` materialises the (queries, keys) scores and defines the result; ``"native"`` walks from
            the newest key to the oldest in memory linear in the tokens, in C++, for float32 and bfloat16 on the CPU;
            ``"auto"`` takes ``"native"`` if it takes the tensors.
        skip_tolerance: the walk may stop once the remaining keys hold at most this fraction of a row's softmax mass, by
            a bound that is proved (``docs/horizon.md``); the default is half the float32 ``eps``, which is exact to
            that precision. 0 visits every key.

    Returns:
        The attended values, with the shape and the dtype of ``query``.

    Raises:
        InputError: for shapes, dtypes, devices or values that do not fit, in one sentence.
    """
    problem = pose(query, key, value, curve, sink, document_ids, scale, skip_tolerance)
    return CHOICE.attend(problem, backend)[0].to(problem.query.dtype)
