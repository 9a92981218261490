"""Values that are NaN or infinite, kept out of the rows that give them no weight.

In a matrix product, weight 0 times NaN is NaN, and so a broken value would reach rows that never asked for it, earlier
ones included.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lengthwise.ops.threshold_relative.transforms import is_readable


def attend_around(
    attend: Callable[[Tensor], tuple[Tensor, ...]], value: Tensor, skip_tolerance: float
) -> tuple[Tensor, ...]:
    """What ``attend(value)`` returns, the output first, with NaN where a row gives a broken value weight.

    That is a share of the row's softmax mass above ``skip_tolerance``.
    """
    results = attend(value)
    if is_finite(results[0]) or is_finite(value):
        return results
    broken = ~value.isfinite()
    touched = attend(broken.to(value.dtype))[0].detach() > skip_tolerance
    output, *rest = attend(value.masked_fill(broken, 0))
    return output.masked_fill(touched, torch.nan), *rest


def differentiate_around(
    differentiate: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, ...]],
    gradient: Tensor,
    value: Tensor,
    output: Tensor,
) -> tuple[Tensor, ...]:
    """Gradients of query, key, value and the rest, by ``differentiate(gradient, value, output)``.

    An output that is NaN for its values passes no gradient on, and a broken value receives none.
    """
    if is_finite(value):
        return differentiate(gradient, value, output)
    broken, touched = ~value.isfinite(), output.isnan()
    d_query, d_key, d_value, *rest = differentiate(
        gradient.masked_fill(touched, 0), value.masked_fill(broken, 0), output.masked_fill(touched, 0)
    )
    return d_query, d_key, d_value.masked_fill(broken, 0), *rest


def is_finite(tensor: Tensor) -> bool:
    """Whether all numbers are known to be finite; an overflow of their sum is answered by a closer look."""
    return is_readable(tensor) and (
        math.isfinite(tensor.detach().sum(dtype=torch.promote_types(tensor.dtype, torch.float32)).item())
        or bool(tensor.isfinite().all())
    )
