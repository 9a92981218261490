"""What autograd knows of a backend: its own backward pass, and the reference's formula for all derivatives after that.

A backend registers two operators. ``NAME`` takes (query, key, value, log_forget, document_ids, limit, scale,
skip_tolerance, largest_key_norm) and returns the output and what its backward pass has to know of the rows.
``NAME_backward`` takes the output's gradient, all of those but the last, and the results; it returns four gradients.
"""

from typing import Any

import torch
from torch import Tensor

from lengthwise.ops.threshold_relative import autocast, reference
from lengthwise.ops.threshold_relative.transforms import beyond_backward

DIFFERENTIABLE = 4
"""The arguments from the query to the gates."""


def register(operator: str) -> None:
    """Make ``operator`` and its backward pass differentiable, as often as wanted."""
    namespace, name = operator.split("::")
    backward = getattr(getattr(torch.ops, namespace), f"{name}_backward")

    def differentiate(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        saved: tuple[Tensor, ...] = ctx.saved_tensors
        inputs, results = saved[: DIFFERENTIABLE + 1], saved[DIFFERENTIABLE + 1 :]
        if beyond_backward(gradient, *inputs[:DIFFERENTIABLE]):
            gradients = _of_the_reference(ctx, gradient, *inputs)[1]
        else:
            gradients = backward(gradient, *inputs, ctx.limit, ctx.scale, ctx.skip_tolerance, *results)
        return *gradients, None, None, None, None, None

    torch.library.register_autograd(operator, differentiate, setup_context=_save)
    torch.library.register_autograd(f"{operator}_backward", _differentiate_again, setup_context=_save_again)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.limit, ctx.scale, ctx.skip_tolerance, _ = inputs
    # The output as the backend returns it: its product with the gradient must not carry bfloat16's error.
    ctx.save_for_backward(*tensors, *output)


def _save_again(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    gradient, *tensors, ctx.limit, ctx.scale, ctx.skip_tolerance = inputs[: DIFFERENTIABLE + 5]
    ctx.results = len(inputs) - (DIFFERENTIABLE + 5)
    ctx.save_for_backward(gradient, *tensors)


def _differentiate_again(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
    """Of the gradients as functions of the output's gradient and of the arguments; of what the rows remember, none."""
    further = torch.is_grad_enabled()  # where this is to be differentiated in its turn
    variables, first = _of_the_reference(ctx, *ctx.saved_tensors)
    second = torch.autograd.grad(first, variables, gradients, create_graph=further, materialize_grads=True)
    return *second, None, None, None, None, *(None for _ in range(ctx.results))


def _of_the_reference(
    ctx: Any, gradient: Tensor, query: Tensor, key: Tensor, value: Tensor, log_forget: Tensor, documents: Tensor | None
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The output's gradient and the four arguments as variables, and the arguments' gradients as functions of them."""
    with torch.enable_grad(), autocast.switched_off(query.device.type):
        variables = tuple(_alone(tensor) for tensor in (gradient, query, key, value, log_forget))
        gradient, query, key, value, log_forget = variables
        options = ctx.limit, ctx.scale, ctx.skip_tolerance
        output, _ = reference.attend(query, key, value, log_forget, documents, *options)
        return variables, torch.autograd.grad(output, variables[1:], gradient.to(output.dtype), create_graph=True)


def _alone(tensor: Tensor) -> Tensor:
    """The tensor as a variable of its own: nothing else is computed from it, and it is still where it came from."""
    variable = tensor.view_as(tensor)
    return variable if variable.requires_grad else variable.requires_grad_()
