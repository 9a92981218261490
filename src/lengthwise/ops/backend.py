"""The description of a backend: what it computes with, and which problems it takes."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lengthwise.ops.problem import DTYPES, Problem


def _available() -> None:
    """Return None, because nothing has to be installed."""


@dataclass(frozen=True)
class Backend:
    """One way to compute a problem, and the problems that it takes."""

    name: str
    attend: Callable[[Problem], tuple[Tensor, Tensor]]
    """Returns output and rows, as in :class:`Saved`; differentiable by torch itself or through
    :func:`operator.define`."""
    devices: tuple[str, ...] | None = None
    """Types of device, as in ``torch.device.type``; None for all."""
    dtypes: tuple[torch.dtype, ...] = DTYPES
    """Dtypes of query, key and value."""
    widest: int | None = None
    """Largest ``head_dim``; None for no limit."""
    decodes: bool = True
    """False if a call needs as many queries as keys, so that it cannot use a cache."""
    unavailable: Callable[[], str | None] = _available
    """Returns in one sentence why the backend cannot run in this installation, or None if it can."""

    def refusal(self, problem: Problem) -> str | None:
        """Return why this backend cannot take a problem, in one sentence; None if it can."""
        query = problem.query
        if not (
            (self.devices is None or query.device.type in self.devices)
            and query.dtype in self.dtypes
            and (self.widest is None or query.shape[-1] <= self.widest)
        ):
            dtypes = " and ".join(str(dtype).removeprefix("torch.") for dtype in self.dtypes).replace(
                " and ", ", ", len(self.dtypes) - 2
            )
            places = f" on {' and '.join(self.devices)}" if self.devices else ""
            heads = f", and heads of at most {self.widest} numbers" if self.widest else ""
            width = f" and {query.shape[-1]} numbers" if self.widest else ""
            return (
                f"The {self.name} backend takes {dtypes}{places}{heads}; "
                f"got {query.dtype}{width} on {query.device}. Use backend='auto'."
            )
        if not self.decodes and query.shape[2] != problem.key.shape[2]:
            return (
                f"The {self.name} backend takes as many queries as keys; "
                f"got {query.shape[2]} and {problem.key.shape[2]}. Use backend='auto'."
            )
        return self.unavailable()
