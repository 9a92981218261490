"""One call of sigmoid attention, checked and complete."""

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.ops.problem import check, of_queries


class Problem(NamedTuple):
    """Arguments of a call after all checks, in the order of the operators' arguments."""

    query: Float[Tensor, "batch heads queries head_dim"]
    key: Float[Tensor, "batch kv_heads keys head_dim"]
    value: Float[Tensor, "batch kv_heads keys head_dim"]
    offset: Float[Tensor, "batch heads queries"]
    document_ids: Int[Tensor, "batch keys"] | None
    scale: float
    skip_tolerance: float
    """The weight from which on a broken value shows; no key is skipped."""


def pose(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    offset: Tensor,
    document_ids: Tensor | None,
    scale: float | None,
) -> Problem:
    """Check the arguments of the public function, and fill in the defaults.

    Raises:
        InputError: in one sentence, for the first argument that does not fit.
    """
    query, key, value, *numbers = check(query, key, value, document_ids, scale, None, besides={"offset": offset})
    return Problem(query, key, value, of_queries("offset", offset, query), document_ids, *numbers)
