"""One call of 1.5-entmax attention, checked and complete."""

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.ops.problem import biases_of_distance, check


class Problem(NamedTuple):
    """Arguments of a call after all checks, in the order of the operators' arguments."""

    query: Float[Tensor, "batch heads queries head_dim"]
    key: Float[Tensor, "batch kv_heads keys head_dim"]
    value: Float[Tensor, "batch kv_heads keys head_dim"]
    bias: Float[Tensor, "batch heads biases"]
    """The bias at the distances from 0 on, for each sequence and head; no numbers if there is no bias."""
    document_ids: Int[Tensor, "batch keys"] | None
    scale: float
    skip_tolerance: float
    """The weight from which on a broken value shows; no key that has weight is skipped."""


def pose(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, document_ids: Tensor | None, scale: float | None
) -> Problem:
    """Check the arguments of the public function, give each sequence its biases, and fill in the defaults.

    Raises:
        InputError: in one sentence, for the first argument that does not fit.
    """
    query, key, value, *numbers = check(query, key, value, document_ids, scale, None, besides={"bias": bias})
    return Problem(query, key, value, biases_of_distance(bias, query, key), document_ids, *numbers)
