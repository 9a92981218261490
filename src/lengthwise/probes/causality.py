"""A test of causality: change the tokens that follow a token, and see whether its attention output changes."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.precision import in_float32

_SAME = 1e-3
"""Relative difference up to which two computations of the same numbers count as the same."""


def same(one: Float[Tensor, "..."], other: Float[Tensor, "..."]) -> bool:
    """Return True if two tensors differ by rounding alone."""
    one, other = in_float32(one), in_float32(other)
    return bool(((one - other).norm() <= _SAME * one.norm()).item())


def token_axes(module: nn.Module) -> tuple[int, ...]:
    """Return the axes of a module's arguments that may be the token axis; some torch modules put it first."""
    parts = module.modules()
    return (1, 0) if any(isinstance(part, nn.MultiheadAttention) and not part.batch_first for part in parts) else (1,)


def changed_behind(batch: Any, axis: int, row: int) -> Any:
    """Return a call's arguments with every token after ``row`` changed; None if no token follows or none can change.

    The function changes each tensor whose first two axes are as large as those of the first tensor, except tensors that
    can only be masks.
    """
    arguments = (
        batch if isinstance(batch, Mapping) else dict(enumerate(batch if isinstance(batch, tuple) else (batch,)))
    )
    shape = next(
        (value.shape[:2] for value in arguments.values() if isinstance(value, Tensor) and value.ndim > 1), None
    )
    if shape is None or shape[axis] <= row + 1:
        return None
    changed = {
        name: _changed(value, axis, row) if isinstance(value, Tensor) and value.shape[:2] == shape else value
        for name, value in arguments.items()
    }
    if all(changed[name] is value or torch.equal(changed[name], value) for name, value in arguments.items()):
        return None
    if isinstance(batch, Mapping):
        return changed
    return tuple(changed.values()) if isinstance(batch, tuple) else changed[0]


def _changed(values: Tensor, axis: int, row: int) -> Tensor:
    """Replace each number after the row by the largest one, and the largest by the smallest: both are valid inputs."""
    if values.dtype == torch.bool or not values.isfinite().all():
        return values
    values = values.detach().clone()
    behind = values.narrow(axis, row + 1, values.shape[axis] - row - 1)
    behind.copy_(torch.where(behind == values.max(), values.min(), values.max()))
    return values
