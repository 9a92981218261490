"""The walk over the keys on a GPU, in Triton, for all operators whose weights need one number or none from newer keys.

No number is read back from the GPU. With ``TRITON_INTERPRET=1`` in the environment before the first import the kernels
run on the CPU, slowly; the tests without a GPU use this mode.

Triton takes a second to import, and may not be installed, so the kernels are imported by the first call.
"""

import importlib.util
import os
from collections.abc import Callable

import torch
from torch import Tensor

from lengthwise.ops.backend import Backend
from lengthwise.ops.operator import Kind, define
from lengthwise.ops.problem import Gradients, Problem, Saved
from lengthwise.ops.walk import Walk

__all__ = ["DEVICES", "DTYPES", "WIDEST", "backend", "not_installed"]

INSTALLED = importlib.util.find_spec("triton") is not None
DEVICES = ("cpu",) if os.environ.get("TRITON_INTERPRET") == "1" else ("cuda",)
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
WIDEST = 256
"""Largest ``head_dim``."""
NUMBERS = 4
"""Numbers for each query: shift of its logits, denominator, position of the oldest key visited, tiles visited."""


def not_installed() -> str | None:
    """Return in one sentence why there are no Triton kernels here, or None if there are."""
    return None if INSTALLED else "Triton is not installed; install lengthwise[triton]."


def backend(kind: Kind, walk: Callable[[Problem], Walk]) -> Backend:
    """Make the Triton backend of an operator, given its problem as a walk."""

    def forward(problem: Problem) -> Saved:
        from lengthwise.ops.triton import launch

        with torch.cuda.device_of(problem.query):
            return launch.forward(walk(problem))

    def backward(problem: Problem, saved: Saved, gradient: Tensor) -> Gradients:
        from lengthwise.ops.triton import launch

        with torch.cuda.device_of(problem.query):
            return launch.backward(walk(problem), saved, gradient)

    return Backend(
        "triton",
        define(kind, "triton", forward, backward, numbers=NUMBERS),
        devices=DEVICES,
        dtypes=DTYPES,
        widest=WIDEST,
        unavailable=not_installed,
    )
