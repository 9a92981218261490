"""What bounds the logits of the keys that a walk has not visited yet (``docs/horizon.md``)."""

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.ops.problem import at_least_float32


def running_key_norms(key: Float[Tensor, "batch kv_heads keys head_dim"]) -> Float[Tensor, "batch kv_heads keys"]:
    """Return for each key the largest norm of this and all earlier keys, in the dtype that sums are computed in."""
    return torch.linalg.vector_norm(key, dim=-1, dtype=at_least_float32(key.dtype)).cummax(-1).values


def highest_onwards(numbers: Float[Tensor, "*rows numbers"]) -> Float[Tensor, "*rows numbers"]:
    """Return for each number of a row the highest of this and all later ones."""
    return numbers.flip(-1).cummax(-1).values.flip(-1)
