"""The turn of queries and keys by rotary positions."""

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.ops.native import rows
from lengthwise.ops.problem import at_least_float32
from lengthwise.ops.rowwise.kernel import with_kernels


def rotate(
    vectors: Float[Tensor, "batch heads tokens head_dim"],
    cosine: Float[Tensor, "#batch #heads #tokens #pairs"],
    sine: Float[Tensor, "#batch #heads #tokens #pairs"],
) -> Float[Tensor, "batch heads tokens head_dim"]:
    """Turn the pairs of components (m, m + head_dim / 2) by angles, in float32 or better (arXiv 2104.09864, eq. 34).

    ``head_dim`` is even. Cosine and sine may both be multiplied by a factor, which then stretches the pairs.
    """
    return _rotate(vectors, cosine, sine)


def _formula(vectors: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    first, second = vectors.to(at_least_float32(vectors.dtype)).chunk(2, dim=-1)
    turned = torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
    return turned.to(vectors.dtype)


def _backward(vectors: Tensor, cosine: Tensor, sine: Tensor, gradient: Tensor) -> tuple[Tensor | None, ...]:
    return rows.rotate(gradient, cosine, -sine), None, None


def _fits(vectors: Tensor, cosine: Tensor, sine: Tensor) -> bool:
    if vectors.ndim != 4 or vectors.shape[-1] % 2 or cosine.requires_grad or sine.requires_grad:
        return False
    batch, _, tokens, width = vectors.shape
    return cosine.shape == sine.shape and cosine.shape in ((1, 1, tokens, width // 2), (batch, 1, tokens, width // 2))


_rotate = with_kernels(_formula, rows.rotate, _backward, fits=_fits)
