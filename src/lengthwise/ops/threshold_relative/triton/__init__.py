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
from lengthwise.ops.threshold_relative import batching, derivatives

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
torch.library.define(_OPERATOR, f"({_INPUTS}, float largest_key_norm) -> (Tensor, Tensor)")
torch.library.define(
    f"{_OPERATOR}_backward",
    f"(Tensor gradient, {_INPUTS}, Tensor output, Tensor rows) -> (Tensor, Tensor, Tensor, Tensor)",
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
    operator = torch.ops.lengthwise.threshold_relative_triton
    output, rows = operator(query, key, value, log_forget, document_ids, limit, scale, skip_tolerance, bound)
    return output, rows[3].to(torch.int32)


def empty_results(query: Tensor) -> tuple[Tensor, Tensor]:
    """The output, and (4, batch, heads, queries) in float32."""
    return empty_like(query), query.new_empty((4, *query.shape[:3]), dtype=torch.float32)


def empty_like(query: Tensor) -> Tensor:
    """Laid out in memory as the query is, so that nothing has to be transposed, if only its rows are contiguous."""
    laid_out = torch.empty_like(query)
    return laid_out if laid_out.stride(-1) == 1 else query.new_empty(query.shape)


@torch.library.impl(_OPERATOR, ("CUDA", "CPU"))
def _forward(query: Tensor, key: Tensor, value: Tensor, log_forget: Tensor, *rest: Any) -> tuple[Tensor, ...]:
    """Output, and what the backward pass has to know of each row."""
    from lengthwise.ops.threshold_relative.triton.launch import Inputs, forward

    *options, largest_key_norm = rest
    with torch.cuda.device_of(query):
        results = empty_results(query)
        forward(Inputs(query, key, log_forget, *options), value, largest_key_norm, *results)
    return results


@torch.library.impl(f"{_OPERATOR}_backward", ("CUDA", "CPU"))
def _backward(
    gradient: Tensor, query: Tensor, key: Tensor, value: Tensor, log_forget: Tensor, *rest: Any
) -> tuple[Tensor, ...]:
    """Gradients of query, key, value and log_forget, in their dtypes."""
    from lengthwise.ops.threshold_relative.triton.launch import Inputs, backward

    *options, output, rows = rest
    with torch.cuda.device_of(query):
        gradients = backward(Inputs(query, key, log_forget, *options), gradient, value, output, rows)
    return tuple(x.to(y.dtype) for x, y in zip(gradients, (query, key, value, log_forget), strict=True))


def _fake_forward(query: Tensor, *_: Any) -> tuple[Tensor, ...]:
    return empty_results(query)


def _fake_backward(_gradient: Tensor, *inputs: Any) -> tuple[Tensor, ...]:
    query, *others = inputs[:4]
    return empty_like(query), *(tensor.new_empty(tensor.shape) for tensor in others)


torch.library.register_fake(_OPERATOR, _fake_forward)
torch.library.register_fake(f"{_OPERATOR}_backward", _fake_backward)
derivatives.register(_OPERATOR)
batching.register(_OPERATOR, 0, 1)
