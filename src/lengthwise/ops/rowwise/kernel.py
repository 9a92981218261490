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
    formula: Callable[..., Tensor],
    forward: Callable[..., Tensor],
    backward: Callable[..., Gradients],
    *,
    fits: Callable[..., bool],
    of_result: bool = False,
) -> Callable[..., Tensor]:
    """Return a function of tensors and numbers that takes the kernels for float32 on the CPU, and else the formula.

    Derivatives of gradients, ``torch.func``, forward mode, autocast, compilers and tracers see the formula.

    Args:
        formula: the definition, in torch.
        forward: the same by the kernels, which autograd does not see.
        backward: from the same arguments and the gradient of the result to the gradients of the arguments.
        fits: tells whether the kernels take the shapes of these arguments; they do not check them.
        of_result: True if ``backward`` gets the result, too, before its gradient.
    """

    class Kernel(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *arguments: Any) -> Tensor:
            result = forward(*arguments)
            tensors = [each if isinstance(each, Tensor) else None for each in arguments]
            ctx.save_for_backward(*tensors, *([result] if of_result else []))
            ctx.others = [None if isinstance(each, Tensor) else each for each in arguments]
            return result

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Any:
            # Hooks of autograd may keep what is saved in another dtype.
            saved = [None if each is None else each.to(torch.float32) for each in ctx.saved_tensors]
            tensors, results = saved[: len(ctx.others)], saved[len(ctx.others) :]
            arguments = [other if each is None else each for each, other in zip(tensors, ctx.others, strict=True)]
            watched = [each for each in (*saved, gradient) if each is not None]
            if not torch.is_grad_enabled() and readable(*watched):
                return backward(*arguments, *results, gradient)
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
        by_kernel = readable(*tensors) and fits(*arguments)
        return Kernel.apply(*arguments) if by_kernel else formula(*arguments)

    return compute


def readable(*tensors: Tensor) -> bool:
    """Return True if kernels can read these tensors, and nothing but autograd watches what is done with them."""
    return (
        torch._C._get_tracing_state() is None
        and len(tensors) > 0  # torch.fx has proxies in their place
        and takes(tensors[0])
        and autocast_dtype("cpu") is None
        and all(map(_plain, tensors))
        and tensors[0].numel() > 0
        and not torch._C._are_functorch_transforms_active()
        and torch._C._len_torch_dispatch_stack() == 0
        and forward_ad._current_level < 0
    )


def _plain(tensor: Tensor) -> bool:
    return (
        type(tensor) in (Tensor, nn.Parameter)
        and tensor.dtype == torch.float32
        and tensor.device.type == "cpu"
        and not tensor.is_neg()
        and not torch._C._functorch.is_legacy_batchedtensor(tensor)
    )
