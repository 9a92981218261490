"""The choice of a backend for a call."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.ops.backend import Backend
from lengthwise.ops.modes import beyond_backward, without_autocast
from lengthwise.ops.operator import Kind
from lengthwise.ops.problem import Problem
from lengthwise.registry import unknown


@dataclass(frozen=True)
class Choice:
    """The backends of an operator, and which of them ``"auto"`` takes."""

    backends: Mapping[str, Backend]
    kind: Kind
    fastest: Mapping[str, str]
    """The backend that ``"auto"`` takes on a type of device."""
    otherwise: str
    """The backend that ``"auto"`` takes on other devices, and for tensors that the fastest cannot take."""

    def attend(self, problem: Problem, name: str) -> tuple[Tensor, Tensor]:
        """Run the backend of that name, or the one for ``"auto"``, and return its output and rows.

        Raises:
            InputError: for an unknown name, or if the backend cannot take the tensors.
        """
        query, *others = problem[: self.kind.differentiable]
        device = query.device.type
        chosen = self.fastest.get(device, self.otherwise) if name == "auto" else name
        if chosen not in self.backends:
            raise InputError(unknown("backend", name, [*self.backends, "auto"]))
        if query.numel() == 0:
            # An empty output that depends on every argument, so that the gradients are zeros.
            rows = torch.zeros((1, *query.shape[:3]), dtype=query.dtype, device=query.device)
            return query + sum(of.sum() for of in others), rows
        backend = self.backends["reference" if beyond_backward(query, *others) else chosen]
        if sentence := backend.refusal(problem):
            if name != "auto":
                raise InputError(sentence)
            backend = self.backends[self.otherwise]
        with without_autocast(device):
            return backend.attend(problem)
