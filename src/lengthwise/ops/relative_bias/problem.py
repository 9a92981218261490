"""One call of attention with a piecewise linear bias of relative distance, checked and complete."""

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.ops.curve import Curve, check_curve
from lengthwise.ops.problem import at_least_float32, check, sink_of_queries


class Problem(NamedTuple):
    """Arguments of a call after all checks, in the order of the operators' arguments."""

    query: Float[Tensor, "batch heads queries head_dim"]
    key: Float[Tensor, "batch kv_heads keys head_dim"]
    value: Float[Tensor, "batch kv_heads keys head_dim"]
    knots: Float[Tensor, "batch knots"]
    slopes: Float[Tensor, "batch heads segments"]
    intercepts: Float[Tensor, "batch heads segments"]
    distance: Float[Tensor, "batch keys"]
    length: Float[Tensor, "batch queries"]
    sink: Float[Tensor, "batch heads sinks"]
    """One more logit of each query; no numbers if there is no sink."""
    document_ids: Int[Tensor, "batch keys"] | None
    scale: float
    skip_tolerance: float


def pose(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    curve: Curve,
    sink: Tensor | None,
    document_ids: Tensor | None,
    scale: float | None,
    skip_tolerance: float | None,
) -> Problem:
    """Check the arguments of the public function, give each sequence its curve, and fill in the defaults.

    Raises:
        InputError: in one sentence, for the first argument that does not fit.
    """
    besides = {**curve._asdict(), "sink": sink}
    query, key, value, *numbers = check(query, key, value, document_ids, scale, skip_tolerance, besides=besides)
    batch, heads, queries, keys = *query.shape[:3], key.shape[2]
    check_curve(curve, batch, heads, queries, keys)
    knots, slopes, intercepts, distance, length = (of.to(at_least_float32(query.dtype)) for of in curve)
    return Problem(
        query,
        key,
        value,
        knots.expand(batch, -1),
        slopes.expand(batch, -1, -1),
        intercepts.expand(batch, -1, -1),
        distance.expand(batch, -1),
        length.expand(batch, -1),
        sink_of_queries(sink, query),
        document_ids,
        *numbers,
    )
