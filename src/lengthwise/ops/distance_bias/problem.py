"""One call of attention with a bias for each distance, checked and complete."""

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.ops.problem import at_least_float32, check, sink_of_queries


class Problem(NamedTuple):
    """Arguments of a call after all checks, in the order of the operators' arguments."""

    query: Float[Tensor, "batch heads queries head_dim"]
    key: Float[Tensor, "batch kv_heads keys head_dim"]
    value: Float[Tensor, "batch kv_heads keys head_dim"]
    bias: Float[Tensor, "batch heads keys"]
    """The bias at the distances from 0 on, for each sequence and head."""
    sink: Float[Tensor, "batch heads sinks"]
    """One more logit of each query; no numbers if there is no sink."""
    document_ids: Int[Tensor, "batch keys"] | None
    scale: float
    skip_tolerance: float


def pose(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor,
    sink: Tensor | None,
    document_ids: Tensor | None,
    scale: float | None,
    skip_tolerance: float | None,
) -> Problem:
    """Check the arguments of the public function, give each sequence its biases, and fill in the defaults.

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
        besides={"bias": bias, "sink": sink},
    )
    heads, keys = query.shape[1], key.shape[2]
    if bias.shape != (heads, keys):
        raise InputError(
            f"bias must be (heads, keys), one number for each head and each distance from 0 to keys - 1, here "
            f"{(heads, keys)}; got {tuple(bias.shape)}."
        )
    if not bias.is_floating_point():
        raise InputError(f"bias must be floating-point numbers; got {bias.dtype}.")
    of_sequences = bias.to(at_least_float32(query.dtype)).expand(len(query), -1, -1)
    return Problem(query, key, value, of_sequences, sink_of_queries(sink, query), document_ids, *numbers)
