"""RMSNorm with its gradient."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.ops.native import rows
from lengthwise.ops.rowwise.kernel import with_kernels


def rms_norm(
    x: Float[Tensor, "*tokens width"], weight: Float[Tensor, " width"] | None = None, eps: float = 1e-6
) -> Float[Tensor, "*tokens width"]:
    r"""Compute :math:`w\,x / \sqrt{\overline{x^2} + \epsilon}` of each row (arXiv 1910.07467); without a weight, w = 1.

    ``torch.nn.functional.rms_norm`` over the last dimension.
    """
    return _rms_norm(x, weight, eps)


def _formula(x: Tensor, weight: Tensor | None, eps: float) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], weight, eps)


def _backward(x: Tensor, weight: Tensor | None, eps: float, gradient: Tensor) -> tuple[Tensor | None, ...]:
    return *rows.rms_norm_backward(x, weight, eps, gradient), None


def _fits(x: Tensor, weight: Tensor | None, eps: float) -> bool:
    return x.ndim > 0 and (weight is None or weight.shape == x.shape[-1:])


_rms_norm = with_kernels(_formula, rows.rms_norm, _backward, fits=_fits)
