"""One call of sigmoid attention, checked and complete."""

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.ops.problem import at_least_float32, check


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
    try:
        of_queries = offset.to(at_least_float32(query.dtype)).expand(query.shape[:3])
    except RuntimeError:
        raise InputError(
            f"offset must be (batch, heads, queries), here {tuple(query.shape[:3])}, or be expandable to it; "
            f"got {tuple(offset.shape)}."
        ) from None
    if not offset.is_floating_point():
        raise InputError(f"offset must be floating-point numbers; got {offset.dtype}.")
    return Problem(query, key, value, of_queries, document_ids, *numbers)
