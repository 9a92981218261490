"""Threshold relative attention on a GPU, in Triton, known to autograd and torch.compile.

The kernels take the walk of the other backends. What they do not do is to read a number back: a gate above 1 cannot be
refused there, so it makes its row NaN. With ``TRITON_INTERPRET=1`` in the environment they run on the CPU, slowly: that
is how they are tested without a GPU.
"""

import importlib.util
import os
from typing import Any

import torch
from torch import Tensor

from lengthwise.errors import InputError

__all__ = ["DTYPES", "attend", "missing"]

INSTALLED = importlib.util.find_spec("triton") is not None
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
WIDEST = 256
"""Numbers in a head at most."""
_OPERATOR = "lengthwise::threshold_relative_triton"
_INPUTS = (
    "Tensor query, Tensor key, Tensor value, Tensor log_forget, Tensor? document_ids, "
    "float limit, float scale, float skip_tolerance"
)

# Not torch.library.custom_op: its first call imports the compiler, which takes seconds.
torch.library.define(_OPERATOR, f"({_INPUTS}, float largest_key_norm, bool precise) -> (Tensor, Tensor, Tensor)")
torch.library.define(
    f"{_OPERATOR}_backward",
    f"(Tensor gradient, {_INPUTS}, Tensor unrounded, Tensor rows) -> (Tensor, Tensor, Tensor, Tensor)",
)


def missing(query: Tensor) -> str | None:
    """Why the kernels cannot take a query, in one sentence, or None."""
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if not INSTALLED:
        return "Triton is not installed; install lengthwise[triton]."
    if query.device.type != ("cpu" if interpreted else "cuda"):
        place = "tensors on the CPU, since TRITON_INTERPRET is set," if interpreted else "CUDA tensors"
        return f"The Triton backend takes {place}; got one on {query.device}. Use backend='auto'."
    if query.dtype not in DTYPES or query.shape[-1] > WIDEST:
        return (
            f"The Triton backend takes float32, bfloat16 and float16, and heads of at most {WIDEST} numbers; "
            f"got {query.dtype} and {query.shape[-1]}. Use backend='auto'."
        )
    return None


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    log_forget: Tensor,
    document_ids: Tensor | None,
    limit: float,
    scale: float,
    skip_tolerance: float,
    largest_key_norm: float | None,
) -> tuple[Tensor, Tensor]:
    """Output and tiles visited; arguments as in the public function, checked there; ``limit = threshold / scale``.

    Raises:
        InputError: where there is no Triton, and for tensors that the kernels do not take.
    """
    if sentence := missing(query):
        raise InputError(sentence)
    bound = -1.0 if largest_key_norm is None else largest_key_norm
    differentiable = torch.is_grad_enabled() and any(x.requires_grad for x in (query, key, value, log_forget))
    operator = torch.ops.lengthwise.threshold_relative_triton
    output, _, rows = operator(
        query, key, value, log_forget, document_ids, limit, scale, skip_tolerance, bound, differentiable
    )
    return output, rows[3].to(torch.int32)


def empty_results(query: Tensor, precise: bool) -> tuple[Tensor, Tensor, Tensor]:
    """The output; it in float32 where ``precise``, else nothing; (4, batch, heads, queries) in float32."""
    unrounded = empty_like(query, torch.float32) if precise else query.new_empty(0, dtype=torch.float32)
    return empty_like(query, query.dtype), unrounded, query.new_empty((4, *query.shape[:3]), dtype=torch.float32)


def empty_like(query: Tensor, dtype: torch.dtype) -> Tensor:
    """Laid out in memory as the query is, so that nothing has to be transposed, if only its rows are contiguous."""
    laid_out = torch.empty_like(query, dtype=dtype)
    return laid_out if laid_out.stride(-1) == 1 else query.new_empty(query.shape, dtype=dtype)


@torch.library.impl(_OPERATOR, ("CUDA", "CPU"))
def _forward(query: Tensor, key: Tensor, value: Tensor, log_forget: Tensor, *rest: Any) -> tuple[Tensor, ...]:
    """Output, the same before it was rounded where ``precise``, and what the backward pass has to know of each row."""
    from lengthwise.ops.threshold_relative.triton.launch import Inputs, forward

    *options, largest_key_norm, precise = rest
    with torch.cuda.device_of(query):
        results = empty_results(query, precise)
        forward(Inputs(query, key, log_forget, *options), value, largest_key_norm, *results)
    return results


@torch.library.impl(f"{_OPERATOR}_backward", ("CUDA", "CPU"))
def _backward(
    gradient: Tensor, query: Tensor, key: Tensor, value: Tensor, log_forget: Tensor, *rest: Any
) -> tuple[Tensor, ...]:
    """Gradients of query, key, value and log_forget, in their dtypes."""
    from lengthwise.ops.threshold_relative.triton.launch import Inputs, backward

    *options, unrounded, rows = rest
    with torch.cuda.device_of(query):
        gradients = backward(Inputs(query, key, log_forget, *options), gradient, value, unrounded, rows)
    return tuple(x.to(y.dtype) for x, y in zip(gradients, (query, key, value, log_forget), strict=True))


def _fake_forward(query: Tensor, *rest: Any) -> tuple[Tensor, ...]:
    return empty_results(query, rest[-1])


def _fake_backward(_gradient: Tensor, *inputs: Any) -> tuple[Tensor, ...]:
    query, *others = inputs[:4]
    return empty_like(query, query.dtype), *(tensor.new_empty(tensor.shape) for tensor in others)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.limit, ctx.scale, ctx.skip_tolerance, _, _ = inputs
    # The unrounded output: its product with the gradient must not carry bfloat16's error.
    ctx.save_for_backward(*tensors, *output[1:])


def _differentiate(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
    *inputs, unrounded, rows = ctx.saved_tensors
    differentiate = torch.ops.lengthwise.threshold_relative_triton_backward
    gradients = differentiate(gradient, *inputs, ctx.limit, ctx.scale, ctx.skip_tolerance, unrounded, rows)
    return *gradients, None, None, None, None, None, None


torch.library.register_fake(_OPERATOR, _fake_forward)
torch.library.register_fake(f"{_OPERATOR}_backward", _fake_backward)
torch.library.register_autograd(_OPERATOR, _differentiate, setup_context=_save)
