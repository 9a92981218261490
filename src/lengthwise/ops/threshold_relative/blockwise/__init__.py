"""Threshold relative attention in pure torch: two walks over tiles, on any device."""

from torch import Tensor

from lengthwise.ops.backend import Backend
from lengthwise.ops.broken_values import attend_around, differentiate_around
from lengthwise.ops.problem import Gradients, Saved, check_gates
from lengthwise.ops.threshold_relative.blockwise.backward import walk_backward
from lengthwise.ops.threshold_relative.blockwise.forward import walk_forward
from lengthwise.ops.threshold_relative.operator import define
from lengthwise.ops.threshold_relative.problem import Problem


def forward(problem: Problem) -> Saved:
    """Return the output, and the largest logit, the denominator and the tiles visited of each query."""
    check_gates(problem.log_forget)
    return attend_around(walk_forward, problem)


def backward(problem: Problem, saved: Saved, gradient: Tensor) -> Gradients:
    """Return the gradients of query, key, value and log_forget."""
    return differentiate_around(walk_backward, problem, saved, gradient)


BACKEND = Backend("blockwise", define("blockwise", forward, backward, numbers=3))
