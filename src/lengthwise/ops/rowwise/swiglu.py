"""The gated unit of recent decoders."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.ops.native import rows
from lengthwise.ops.rowwise.kernel import with_kernels


def swiglu(gate_and_up: Float[Tensor, "*tokens both"]) -> Float[Tensor, "*tokens width"]:
    r"""Compute :math:`\mathrm{silu}(g)\,u` of the two halves :math:`(g, u)` of each row (arXiv 2002.05202, SwiGLU)."""
    return _swiglu(gate_and_up)


def _formula(gate_and_up: Tensor) -> Tensor:
    gate, up = gate_and_up.chunk(2, dim=-1)
    return F.silu(gate) * up


_swiglu = with_kernels(
    _formula,
    rows.swiglu,
    lambda both, gradient: (rows.swiglu_backward(both, gradient),),
    fits=lambda both: both.ndim > 0 and both.shape[-1] % 2 == 0,
)
