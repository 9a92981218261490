"""One call of attention with a bias for each distance, checked and complete."""

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.ops.problem import biases_of_distance, check, sink_of_queries


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
    biases = biases_of_distance(bias, query, key)
    return Problem(query, key, value, biases, sink_of_queries(sink, query), document_ids, *numbers)
