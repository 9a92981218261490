"""How a backend's operators are vmapped: one call, with the mapped dimension folded into the batch."""

from typing import Any

import torch
from torch import Tensor


def register(operator: str, *results: int) -> None:
    """Make ``operator`` and its backward pass known to ``torch.vmap``; ``results`` are the places of the batch in them.

    What the two take and return is in :mod:`lengthwise.ops.threshold_relative.derivatives`.
    """
    namespace, name = operator.split("::")
    for each, inputs, outputs in (
        (name, (0,) * 9, results),
        (f"{name}_backward", (0,) * 9 + results, (0,) * 4),
    ):
        function = getattr(getattr(torch.ops, namespace), each)
        torch.library.register_vmap(f"{namespace}::{each}", _folded(function, inputs, outputs))


def _folded(operator: Any, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Any:
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
