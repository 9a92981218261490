"""Torch's modes that a call may run under: autocast, forward mode, and the transforms of ``torch.func``."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch._C._functorch import TransformType, get_interpreter_stack
from torch.autograd import forward_ad


def autocast_dtype(device: str) -> torch.dtype | None:
    """Return the dtype that autocast casts to on a type of device; None if autocast is off or unknown there (meta)."""
    on = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return torch.get_autocast_dtype(device) if on else None


def without_autocast(device: str) -> AbstractContextManager[object]:
    """Return a context without autocast on a type of device, because every tensor already has its right dtype."""
    return torch.autocast(device, enabled=False) if autocast_dtype(device) else nullcontext()


def beyond_backward(*tensors: Tensor) -> bool:
    """Return True if derivatives are asked for that a backward pass does not give: forward mode, or ``torch.func``.

    An operator registered from Python does not support them; forward mode would silently return zeros.
    """
    if _transforms() & {TransformType.Grad, TransformType.Jvp}:
        return True
    return forward_ad._current_level >= 0 and any(forward_ad.unpack_dual(x).tangent is not None for x in tensors)


def alone(tensor: Tensor) -> Tensor:
    """Return a view of the tensor that nothing else is computed from; the view keeps the tensor's history."""
    variable = tensor.view_as(tensor)
    return variable if variable.requires_grad else variable.requires_grad_()


def is_readable(tensor: Tensor) -> bool:
    """Return True if Python may read the tensor's numbers, which a meta or a vmapped tensor does not allow."""
    return not tensor.is_meta and TransformType.Vmap not in _transforms()


def _transforms() -> set[TransformType]:
    """Return the active transforms; under a compiler return all, because it does not see which are active."""
    if not torch._C._are_functorch_transforms_active():
        return set()
    if torch.compiler.is_compiling():
        return {TransformType.Grad, TransformType.Jvp, TransformType.Vmap}
    return {transform.key() for transform in get_interpreter_stack() or ()}
