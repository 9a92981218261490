"""The one registration with torch: two functions on a problem become an operator.

Torch then knows the operator's schema, the shapes of its results (for the meta device and for compilers), its backward
pass, all further derivatives, and how to vmap it. Torch computes derivatives of gradients by differentiating the
reference.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lengthwise.ops.threshold_relative import reference
from lengthwise.ops.threshold_relative.modes import beyond_backward, without_autocast
from lengthwise.ops.threshold_relative.problem import Gradients, Problem, Saved, wide

DIFFERENTIABLE = 4
"""Number of differentiable fields of a problem, from the query to the gates."""
TENSORS = 5
"""Number of tensors in a problem: the differentiable fields and the document ids."""
FIELDS = len(Problem._fields)
NO_GRADIENTS = (None,) * (FIELDS - DIFFERENTIABLE)
KINDS = (*["Tensor"] * DIFFERENTIABLE, "Tensor?", *["float"] * 3, "float?")
ARGUMENTS = ", ".join(f"{kind} {name}" for kind, name in zip(KINDS, Problem._fields, strict=True))


def contiguous(query: Tensor) -> Tensor:
    """Return memory for an output: contiguous, in the dtype that sums are computed in."""
    return query.new_empty(query.shape, dtype=wide(query.dtype))


def define(
    name: str,
    forward: Callable[[Problem], Saved],
    backward: Callable[[Problem, Saved, Tensor], Gradients],
    *,
    numbers: int,
    empty_output: Callable[[Tensor], Tensor] = contiguous,
) -> Callable[[Problem], tuple[Tensor, Tensor]]:
    """Make two functions one differentiable operator, ``torch.ops.lengthwise.threshold_relative_NAME``.

    Args:
        name: the backend's name; ``NAME_backward`` becomes an operator as well.
        forward: computes output and rows of a problem. Autograd does not look inside.
        backward: computes the gradients of a problem's four differentiable tensors, in any dtype, from what ``forward``
            returned and the gradient of its output. Autocast is off.
        numbers: how many numbers ``forward`` returns for each query, in the dtype that sums are computed in.
        empty_output: makes memory, given a query, with the shape, dtype and strides that the output of ``forward`` has.
            The gradient of the query has these strides too; the other gradients are contiguous.

    Returns:
        The operator as a function of a problem, which returns output and rows.
    """
    # torch.library.custom_op is not used, because its first call imports the compiler, which takes seconds.
    qualified = f"lengthwise::threshold_relative_{name}"
    torch.library.define(qualified, f"({ARGUMENTS}) -> (Tensor, Tensor)")
    torch.library.define(
        f"{qualified}_backward",
        f"(Tensor gradient, {ARGUMENTS}, Tensor output, Tensor rows) -> (Tensor, Tensor, Tensor, Tensor)",
    )
    operator = getattr(torch.ops.lengthwise, f"threshold_relative_{name}").default
    of_gradient = getattr(torch.ops.lengthwise, f"threshold_relative_{name}_backward").default

    def run(*arguments: Any) -> Saved:
        return forward(Problem(*arguments))

    def run_backward(gradient: Tensor, *rest: Any) -> tuple[Tensor, ...]:
        problem, saved = Problem(*rest[:FIELDS]), Saved(*rest[FIELDS:])
        with without_autocast(gradient.device.type):
            d_query, d_key, d_value, d_log_forget = backward(problem, saved, gradient)
        narrow, of_gates = problem.query.dtype, problem.log_forget.dtype
        return d_query.to(narrow), d_key.to(narrow), d_value.to(narrow), d_log_forget.to(of_gates)

    def fake(query: Tensor, *_: Any) -> Saved:
        rows = query.new_empty((numbers, *query.shape[:3]), dtype=wide(query.dtype))
        return Saved(empty_output(query), rows)

    def fake_backward(_gradient: Tensor, query: Tensor, *rest: Any) -> tuple[Tensor, ...]:
        others = (tensor.new_empty(tensor.shape) for tensor in rest[: DIFFERENTIABLE - 1])
        return torch.empty_like(empty_output(query), dtype=query.dtype), *others

    def differentiate(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        saved: Any = ctx.saved_tensors
        problem = Problem(*saved[:TENSORS], *ctx.numbers)
        if beyond_backward(gradient, *saved[:DIFFERENTIABLE]):
            gradients = _of_the_reference(problem, gradient)[1]
        else:
            gradients = of_gradient(gradient, *problem, *saved[TENSORS:])
        return *gradients, *NO_GRADIENTS

    for each, function in ((qualified, run), (f"{qualified}_backward", run_backward)):
        torch.library.impl(each, "default", function)
    torch.library.register_fake(qualified, fake)
    torch.library.register_fake(f"{qualified}_backward", fake_backward)
    torch.library.register_autograd(qualified, differentiate, setup_context=_save)
    torch.library.register_autograd(f"{qualified}_backward", _differentiate_again, setup_context=_save_again)
    in_rows = 1  # axis of the batch in `rows`; in all other tensors it is 0
    torch.library.register_vmap(qualified, _folded(operator, (0,) * FIELDS, (0, in_rows)))
    torch.library.register_vmap(
        f"{qualified}_backward", _folded(of_gradient, (0,) * (FIELDS + 2) + (in_rows,), (0,) * DIFFERENTIABLE)
    )
    return lambda problem: operator(*problem)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    # The output is saved before it is rounded: its product with the gradient must not carry bfloat16's error.
    ctx.save_for_backward(*inputs[:TENSORS], *output)
    ctx.numbers = inputs[TENSORS:]


def _save_again(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*inputs[: 1 + TENSORS])
    ctx.numbers = inputs[1 + TENSORS : 1 + FIELDS]


def _differentiate_again(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiate the gradients with respect to the output's gradient and the arguments, not what a backend saved."""
    gradient, *tensors = ctx.saved_tensors
    further = torch.is_grad_enabled()  # if this result is to be differentiated again
    variables, first = _of_the_reference(Problem(*tensors, *ctx.numbers), gradient)
    second = torch.autograd.grad(first, variables, gradients, create_graph=further, materialize_grads=True)
    return *second, *NO_GRADIENTS, None, None


def _of_the_reference(problem: Problem, gradient: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return the output's gradient and four arguments as variables, and the four gradients as functions of them."""
    with torch.enable_grad(), without_autocast(gradient.device.type):
        tensors = (gradient, problem.query, problem.key, problem.value, problem.log_forget)
        gradient, query, key, value, log_forget = variables = tuple(_alone(tensor) for tensor in tensors)
        alone = problem._replace(query=query, key=key, value=value, log_forget=log_forget)
        output, _ = reference.attend(alone)
        return variables, torch.autograd.grad(output, variables[1:], gradient.to(output.dtype), create_graph=True)


def _alone(tensor: Tensor) -> Tensor:
    """Return a view of the tensor that nothing else is computed from; the view keeps the tensor's history."""
    variable = tensor.view_as(tensor)
    return variable if variable.requires_grad else variable.requires_grad_()


def _folded(operator: Any, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Any:
    """Return the vmap rule of an operator: one call, with the mapped dimension folded into the batch.

    ``inputs`` and ``outputs`` are the axes of the batch in each argument and in each result.
    """

    def run(info: Any, mapped: tuple[int | None, ...], *arguments: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        size = info.batch_size

        def fold(argument: Any, dim: int | None, place: int) -> Any:
            if not isinstance(argument, Tensor):
                return argument
            every = argument.expand(size, *argument.shape) if dim is None else argument
            return every.movedim(dim or 0, place).flatten(place, place + 1)

        folded = operator(*(fold(*of) for of in zip(arguments, mapped, inputs, strict=True)))
        return tuple(x.unflatten(place, (size, -1)) for x, place in zip(folded, outputs, strict=True)), outputs

    return run
