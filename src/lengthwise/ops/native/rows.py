"""The compiled kernels of what a layer computes for each row alone; ``native/rows.h`` has their arguments."""

import ctypes
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.ops.native.library import Rows, run


class _Plain(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("rows", "width", "threads")),
        *((name, ctypes.c_void_p) for name in ("input", "output", "gradient", "d_input")),
    ]


class _RMSNorm(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("rows", "width", "threads")),
        ("epsilon", ctypes.c_double),
        *((name, ctypes.c_void_p) for name in ("input", "weight", "output", "gradient", "d_input", "d_weight")),
    ]


class _Rotation(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("batch", "heads", "tokens", "width", "threads", "angles_batch")),
        *((name, ctypes.c_void_p) for name in ("cosine", "sine")),
        *((name, Rows) for name in ("input", "output")),
    ]


def swiglu(gate_and_up: Float[Tensor, "*tokens both"]) -> Float[Tensor, "*tokens width"]:
    """Compute ``silu(gate) * up``."""
    of = gate_and_up.detach().contiguous()
    output = of.new_empty((*of.shape[:-1], of.shape[-1] // 2))
    _plain("swiglu", output.shape, input=of, output=output)
    return output


def swiglu_backward(
    gate_and_up: Float[Tensor, "*tokens both"], gradient: Float[Tensor, "*tokens width"]
) -> Float[Tensor, "*tokens both"]:
    """Compute the gradient of gate and up."""
    of = gate_and_up.detach().contiguous()
    d_input = torch.empty_like(of)
    _plain("swiglu_backward", gradient.shape, input=of, gradient=gradient.contiguous(), d_input=d_input)
    return d_input


def _plain(name: str, shape: torch.Size, **tensors: Tensor) -> None:
    """Run a kernel whose output has a shape."""
    _run(name, _Plain(shape.numel() // shape[-1], shape[-1], torch.get_num_threads()), tensors)


def rms_norm(
    x: Float[Tensor, "*tokens width"], weight: Tensor | None, epsilon: float
) -> Float[Tensor, "*tokens width"]:
    """Compute ``weight * x / sqrt(mean(x²) + epsilon)``; without a weight, as if it were 1."""
    x, output = _with_memory(x.detach())
    _rms_norm("rms_norm", epsilon, input=x, weight=weight, output=output)
    return output


def rms_norm_backward(
    x: Float[Tensor, "*tokens width"], weight: Tensor | None, epsilon: float, gradient: Float[Tensor, "*tokens width"]
) -> tuple[Float[Tensor, "*tokens width"], Tensor | None]:
    """Compute the gradients of ``x`` and of the weight."""
    x, d_input = _with_memory(x.detach())
    d_weight = None if weight is None else torch.zeros(weight.shape, dtype=weight.dtype, device=weight.device)
    if gradient.stride() != x.stride():
        gradient = torch.empty_like(x).copy_(gradient)
    outputs = {"d_input": d_input, "d_weight": d_weight}
    _rms_norm("rms_norm_backward", epsilon, input=x, weight=weight, gradient=gradient, **outputs)
    return d_input, d_weight


def _rms_norm(name: str, epsilon: float, *, input: Tensor, weight: Tensor | None, **tensors: Tensor | None) -> None:
    width, weight = input.shape[-1], None if weight is None else weight.contiguous()
    arguments = _RMSNorm(input.numel() // width, width, torch.get_num_threads(), epsilon)
    _run(name, arguments, {"input": input, "weight": weight, **tensors})


def _with_memory(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the tensor and memory of the same layout; rows may come in any order, but lie behind one another."""
    memory = torch.empty_like(x)
    if memory.stride() != x.stride() or x.stride(-1) != 1:
        x = x.contiguous()
        memory = torch.empty_like(x)
    return x, memory


def entmax(scores: Float[Tensor, "*rows keys"]) -> Float[Tensor, "*rows keys"]:
    """Compute 1.5-entmax; hidden keys have a score of minus infinity."""
    scores = scores.detach().contiguous()
    output = torch.empty_like(scores)
    _plain("entmax", scores.shape, input=scores, output=output)
    return output


def entmax_backward(
    weights: Float[Tensor, "*rows keys"], gradient: Float[Tensor, "*rows keys"]
) -> Float[Tensor, "*rows keys"]:
    """Compute the gradient of the scores from the weights and their gradient."""
    d_scores = torch.empty_like(weights)
    _plain("entmax_backward", weights.shape, output=weights, gradient=gradient.contiguous(), d_input=d_scores)
    return d_scores


def rotate(
    vectors: Float[Tensor, "batch heads tokens width"],
    cosine: Float[Tensor, "#batch 1 tokens pairs"],
    sine: Float[Tensor, "#batch 1 tokens pairs"],
) -> Float[Tensor, "batch heads tokens width"]:
    """Turn the pairs of components (m, m + width / 2)."""
    vectors = vectors.detach()
    if vectors.stride(-1) != 1:
        vectors = vectors.contiguous()
    output = torch.empty_like(vectors)
    batch, heads, tokens, width = vectors.shape
    of_each = 0 if cosine.shape[0] == 1 else tokens * (width // 2)
    arguments = _Rotation(batch, heads, tokens, width, torch.get_num_threads(), of_each)
    arguments.input, arguments.output = Rows.of(vectors), Rows.of(output)
    _run("rotate", arguments, {"cosine": cosine.contiguous(), "sine": sine.contiguous()})
    return output


def _run(name: str, arguments: Any, tensors: Mapping[str, Tensor | None]) -> None:
    """Run a kernel on tensors, which outlive the call."""
    for field, tensor in tensors.items():
        if tensor is not None:
            setattr(arguments, field, tensor.data_ptr())
    run(name, arguments)
