"""What torch does with the tensors of a call besides computing: forward mode, the transforms of ``torch.func``."""

import torch
from torch import Tensor
from torch._C._functorch import TransformType, get_interpreter_stack
from torch.autograd import forward_ad


def beyond_backward(*tensors: Tensor) -> bool:
    """Whether derivatives are asked for that a backward pass does not give: forward mode, or any of ``torch.func``.

    An operator that is registered from Python has none of them; forward mode would be zero, without a word.
    """
    if _transforms() & {TransformType.Grad, TransformType.Jvp}:
        return True
    return forward_ad._current_level >= 0 and any(forward_ad.unpack_dual(x).tangent is not None for x in tensors)


def is_readable(tensor: Tensor) -> bool:
    """Whether Python may ask for the tensor's numbers: one on meta has none, a vmapped one has many in each place."""
    return not tensor.is_meta and TransformType.Vmap not in _transforms()


def _transforms() -> set[TransformType]:
    """The transforms at work; all of them where one is compiled, because the compiler does not see which."""
    if not torch._C._are_functorch_transforms_active():
        return set()
    if torch.compiler.is_compiling():
        return {TransformType.Grad, TransformType.Jvp, TransformType.Vmap}
    return {transform.key() for transform in get_interpreter_stack() or ()}
