"""Threshold relative attention in C++ on the CPU.

The kernels are in ``native/`` at the root of the repository. They do the blockwise backend's walk, with queries in the
lanes of a register, or keys when decoding.
"""

import torch
from torch import Tensor

from lengthwise.ops.threshold_relative import operator
from lengthwise.ops.threshold_relative.backend import Backend
from lengthwise.ops.threshold_relative.broken_values import attend_around, differentiate_around
from lengthwise.ops.threshold_relative.native import kernels
from lengthwise.ops.threshold_relative.native.library import Finding, not_compiled, path
from lengthwise.ops.threshold_relative.problem import Gradients, Problem, Saved, check_gates

__all__ = ["BACKEND", "not_compiled", "path"]


def forward(problem: Problem) -> Saved:
    """Return the output in float32, and the largest logit, the denominator and the tiles visited of each query."""
    saved, finding = kernels.forward(problem)
    if finding == Finding.GATE_ABOVE_ONE:
        check_gates(problem.log_forget)
    if finding == Finding.NOT_FINITE:
        return attend_around(lambda problem: kernels.forward(problem)[0], problem)
    return saved


def backward(problem: Problem, saved: Saved, gradient: Tensor) -> Gradients:
    """Return the gradients of query, key, value and log_forget in float32."""
    gradients, finding = kernels.backward(problem, saved, gradient)
    if finding == Finding.NOT_FINITE:
        return differentiate_around(lambda *of: kernels.backward(*of)[0], problem, saved, gradient)
    return gradients


BACKEND = Backend(
    "native",
    operator.define("native", forward, backward, numbers=kernels.NUMBERS),
    devices=("cpu",),
    dtypes=(torch.float32, torch.bfloat16),
    unavailable=not_compiled,
)
