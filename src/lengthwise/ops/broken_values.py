"""Broken values, NaN or infinite, are kept out of rows that give them no weight.

In a matrix product a weight of 0 times NaN is NaN, so a broken value would reach rows that do not attend to it, even
earlier rows.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lengthwise.ops.modes import is_readable
from lengthwise.ops.problem import Gradients, Problem, Saved, at_least_float32


def attend_around(attend: Callable[[Problem], Saved], problem: Problem) -> Saved:
    """Return ``attend(problem)``, with an output of NaN where a row gives weight to a broken value.

    A weight counts if it is a larger share of the row's weights than ``skip_tolerance``.
    """
    saved = attend(problem)
    if is_finite(saved.output) or is_finite(problem.value):
        return saved
    broken = ~problem.value.isfinite()
    shares = attend(problem._replace(value=broken.to(problem.value.dtype)))
    touched = shares.output.detach() > problem.skip_tolerance
    output, rows = attend(problem._replace(value=problem.value.masked_fill(broken, 0)))
    return Saved(output.masked_fill(touched, torch.nan), rows)


def differentiate_around(
    differentiate: Callable[[Problem, Saved, Tensor], Gradients], problem: Problem, saved: Saved, gradient: Tensor
) -> Gradients:
    """Return ``differentiate(problem, saved, gradient)`` for values that may be broken.

    An output that is NaN because of broken values passes no gradient on, and a broken value receives no gradient.
    """
    if is_finite(problem.value):
        return differentiate(problem, saved, gradient)
    broken, touched = ~problem.value.isfinite(), saved.output.isnan()
    d_query, d_key, d_value, *others = differentiate(
        problem._replace(value=problem.value.masked_fill(broken, 0)),
        saved._replace(output=saved.output.masked_fill(touched, 0)),
        gradient.masked_fill(touched, 0),
    )
    return d_query, d_key, d_value.masked_fill(broken, 0), *others


def is_finite(tensor: Tensor) -> bool:
    """Return True if all numbers are known to be finite; only if their sum is not finite is each number checked."""
    return is_readable(tensor) and (
        math.isfinite(tensor.detach().sum(dtype=at_least_float32(tensor.dtype)).item()) or bool(tensor.isfinite().all())
    )
