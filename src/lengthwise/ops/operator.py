"""The one registration with torch: two functions on a problem become an operator.

Torch then knows the operator's schema, the shapes of its results (for the meta device and for compilers), its backward
pass, all further derivatives, and how to vmap it. Torch computes derivatives of gradients by differentiating the
reference.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lengthwise.ops.modes import alone, beyond_backward, without_autocast
from lengthwise.ops.problem import Gradients, Problem, Saved, at_least_float32


@dataclass(frozen=True)
class Kind:
    """One operator, of which every backend makes a torch operator."""

    name: str
    problem: type[Any]
    """The named tuple of its arguments (:data:`lengthwise.ops.problem.Problem`)."""
    numbers: tuple[str, ...]
    """Types of the fields after ``document_ids``, as torch writes them: ``float`` or ``float?``."""
    reference: Callable[[Problem], Saved]
    """Computes a problem in a way that autograd differentiates, as often as one likes."""

    @property
    def fields(self) -> int:
        """Number of fields of a problem."""
        return len(self.problem._fields)

    @property
    def tensors(self) -> int:
        """Number of tensors in a problem: the differentiable fields and the document ids."""
        return self.fields - len(self.numbers)

    @property
    def differentiable(self) -> int:
        """Number of differentiable fields, from the query on."""
        return self.tensors - 1

    @property
    def arguments(self) -> str:
        """The problem's fields as a torch schema declares them."""
        kinds = (*["Tensor"] * self.differentiable, "Tensor?", *self.numbers)
        return ", ".join(f"{kind} {name}" for kind, name in zip(kinds, self.problem._fields, strict=True))


def contiguous(query: Tensor) -> Tensor:
    """Return memory for an output: contiguous, in the dtype that sums are computed in."""
    return query.new_empty(query.shape, dtype=at_least_float32(query.dtype))


def define(
    kind: Kind,
    name: str,
    forward: Callable[[Problem], Saved],
    backward: Callable[[Problem, Saved, Tensor], Gradients],
    *,
    numbers: int,
    empty_output: Callable[[Tensor], Tensor] = contiguous,
) -> Callable[[Problem], tuple[Tensor, Tensor]]:
    """Make two functions one differentiable operator, ``torch.ops.lengthwise.KIND_NAME``.

    Args:
        kind: the operator that the backend computes.
        name: the backend's name; ``NAME_backward`` becomes an operator as well.
        forward: computes output and rows of a problem. Autograd does not look inside.
        backward: computes the gradients of a problem's differentiable tensors, in any dtype, from what ``forward``
            returned and the gradient of its output. Autocast is off.
        numbers: how many numbers ``forward`` returns for each query, in the dtype that sums are computed in.
        empty_output: makes memory, given a query, with the shape, dtype and strides that the output of ``forward`` has.
            The gradient of the query has these strides too; the other gradients are contiguous.

    Returns:
        The operator as a function of a problem, which returns output and rows.
    """
    # torch.library.custom_op is not used, because its first call imports the compiler, which takes seconds.
    qualified = f"lengthwise::{kind.name}_{name}"
    arguments, fields, tensors, differentiable = kind.arguments, kind.fields, kind.tensors, kind.differentiable
    no_gradients = (None,) * (fields - differentiable)
    torch.library.define(qualified, f"({arguments}) -> (Tensor, Tensor)")
    torch.library.define(
        f"{qualified}_backward",
        f"(Tensor gradient, {arguments}, Tensor output, Tensor rows) -> ({', '.join(['Tensor'] * differentiable)})",
    )
    operator = getattr(torch.ops.lengthwise, f"{kind.name}_{name}").default
    of_gradient = getattr(torch.ops.lengthwise, f"{kind.name}_{name}_backward").default

    def run(*arguments: Any) -> Saved:
        return forward(kind.problem(*arguments))

    def run_backward(gradient: Tensor, *rest: Any) -> tuple[Tensor, ...]:
        problem, saved = kind.problem(*rest[:fields]), Saved(*rest[fields:])
        with without_autocast(gradient.device.type):
            gradients = backward(problem, saved, gradient)
        return tuple(each.to(of.dtype) for each, of in zip(gradients, problem[:differentiable], strict=True))

    def fake(query: Tensor, *_: Any) -> Saved:
        rows = query.new_empty((numbers, *query.shape[:3]), dtype=at_least_float32(query.dtype))
        return Saved(empty_output(query), rows)

    def fake_backward(_gradient: Tensor, query: Tensor, *rest: Any) -> tuple[Tensor, ...]:
        others = (tensor.new_empty(tensor.shape) for tensor in rest[: differentiable - 1])
        return torch.empty_like(empty_output(query), dtype=query.dtype), *others

    def differentiate(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        saved: Any = ctx.saved_tensors
        problem = kind.problem(*saved[:tensors], *ctx.numbers)
        if beyond_backward(gradient, *saved[:differentiable]):
            gradients = _of_the_reference(kind, problem, gradient)[1]
        else:
            gradients = of_gradient(gradient, *problem, *saved[tensors:])
        return *gradients, *no_gradients

    def save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        # The output is saved before it is rounded: its product with the gradient must not carry bfloat16's error.
        ctx.save_for_backward(*inputs[:tensors], *output)
        ctx.numbers = inputs[tensors:]

    def save_again(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(*inputs[: 1 + tensors])
        ctx.numbers = inputs[1 + tensors : 1 + fields]

    def differentiate_again(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Differentiate the gradients by the output's gradient and the arguments, not by what a backend saved."""
        gradient, *saved = ctx.saved_tensors
        further = torch.is_grad_enabled()  # if this result is to be differentiated again
        variables, first = _of_the_reference(kind, kind.problem(*saved, *ctx.numbers), gradient)
        second = torch.autograd.grad(first, variables, gradients, create_graph=further, materialize_grads=True)
        return *second, *no_gradients, None, None

    for each, function in ((qualified, run), (f"{qualified}_backward", run_backward)):
        torch.library.impl(each, "default", function)
    torch.library.register_fake(qualified, fake)
    torch.library.register_fake(f"{qualified}_backward", fake_backward)
    torch.library.register_autograd(qualified, differentiate, setup_context=save)
    torch.library.register_autograd(f"{qualified}_backward", differentiate_again, setup_context=save_again)
    in_rows = 1  # axis of the batch in `rows`; in all other tensors it is 0
    torch.library.register_vmap(qualified, _folded(operator, (0,) * fields, (0, in_rows)))
    torch.library.register_vmap(
        f"{qualified}_backward", _folded(of_gradient, (0,) * (fields + 2) + (in_rows,), (0,) * differentiable)
    )
    return lambda problem: operator(*problem)


def _of_the_reference(kind: Kind, problem: Problem, gradient: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return the output's gradient and the arguments as variables, and the gradients as functions of these."""
    with torch.enable_grad(), without_autocast(gradient.device.type):
        variables = tuple(alone(tensor) for tensor in (gradient, *problem[: kind.differentiable]))
        output, _ = kind.reference(kind.problem(*variables[1:], *problem[kind.differentiable :]))
        asked = variables[0].to(output.dtype)
        return variables, torch.autograd.grad(output, variables[1:], asked, create_graph=True)


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
