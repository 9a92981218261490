"""A formula in torch, and compiled kernels that take its place where they can read the tensors."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from lengthwise.ops.modes import alone, autocast_dtype
from lengthwise.ops.native import takes

Gradients = tuple[Tensor | None, ...]


def with_kernels(
    formula: Callable[..., Tensor], forward: Callable[..., Tensor], backward: Callable[..., Gradients]
) -> Callable[..., Tensor]:
    """Return a function of tensors and numbers that takes the kernels for float32 on the CPU, and else the formula.

    Derivatives of gradients, ``torch.func``, forward mode, autocast, compilers and tracers see the formula.

    Args:
        formula: the definition, in torch.
        forward: the same by the kernels, which autograd does not see.
        backward: from the same arguments, the result and its gradient to the gradients of the arguments.
    """

    class Kernel(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *arguments: Any) -> Tensor:
            result = forward(*arguments)
            ctx.save_for_backward(*(each if isinstance(each, Tensor) else None for each in arguments), result)
            ctx.others = [None if isinstance(each, Tensor) else each for each in arguments]
            return result

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Any:
            *tensors, result = ctx.saved_tensors
            arguments = [other if tensor is None else tensor for tensor, other in zip(tensors, ctx.others, strict=True)]
            if not torch.is_grad_enabled() and readable(gradient):
                return backward(*arguments, result, gradient)
            with torch.enable_grad():
                inside = [alone(each) if isinstance(each, Tensor) else each for each in arguments]
                places = [place for place, each in enumerate(ctx.needs_input_grad) if each]
                found = torch.autograd.grad(
                    formula(*inside), [inside[place] for place in places], gradient, create_graph=True
                )
            by_place = dict(zip(places, found, strict=True))
            return tuple(by_place.get(place) for place in range(len(arguments)))

    def compute(*arguments: Any) -> Tensor:
        tensors = [each for each in arguments if isinstance(each, Tensor)]
        return Kernel.apply(*arguments) if readable(*tensors) else formula(*arguments)

    return compute


def readable(*tensors: Tensor) -> bool:
    """Return True if kernels can read these tensors, and nothing but autograd watches what is done with them."""
    return (
        takes(tensors[0])
        and autocast_dtype("cpu") is None
        and all(
            type(each) in (Tensor, nn.Parameter) and each.dtype == torch.float32 and each.device.type == "cpu"
            for each in tensors
        )
        and tensors[0].numel() > 0
        and not torch._C._are_functorch_transforms_active()
        and torch._C._len_torch_dispatch_stack() == 0
        and forward_ad._current_level < 0
    )
