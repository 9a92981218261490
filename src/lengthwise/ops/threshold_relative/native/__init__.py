"""Threshold relative attention in C++ on the CPU, known to autograd and torch.compile.

The kernels are in ``native/`` at the root of the repository. They take the walk of the blockwise backend, with queries
in the lanes of a register, and with keys there when decoding.
"""

from typing import Any

import torch
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.ops.threshold_relative import batching, derivatives
from lengthwise.ops.threshold_relative.broken_values import attend_around, differentiate_around
from lengthwise.ops.threshold_relative.checks import check_gates
from lengthwise.ops.threshold_relative.native.kernels import Inputs, backward, empty_results, forward
from lengthwise.ops.threshold_relative.native.library import Finding, not_compiled, path

__all__ = ["DTYPES", "attend", "missing", "not_compiled", "path"]

DTYPES = (torch.float32, torch.bfloat16)
_OPERATOR = "lengthwise::threshold_relative_native"
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
    if query.device.type != "cpu" or query.dtype not in DTYPES:
        return (
            f"The native backend takes float32 and bfloat16 on the CPU; got {query.dtype} on {query.device}. "
            "Use backend='auto'."
        )
    return not_compiled()


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
        InputError: where the kernels are not compiled, and for tensors that they do not take.
    """
    if sentence := missing(query):
        raise InputError(sentence)
    bound = -1.0 if largest_key_norm is None else largest_key_norm
    operator = torch.ops.lengthwise.threshold_relative_native
    output, rows = operator(query, key, value, log_forget, document_ids, limit, scale, skip_tolerance, bound)
    return output.to(query.dtype), rows[2].to(torch.int32)


@torch.library.impl(_OPERATOR, "CPU")
def _forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    log_forget: Tensor,
    document_ids: Tensor | None,
    limit: float,
    scale: float,
    skip_tolerance: float,
    largest_key_norm: float,
) -> tuple[Tensor, ...]:
    """Output in float32, and what the backward pass has to know of each row."""
    inputs = Inputs(query, key, log_forget, document_ids, limit, scale, skip_tolerance)

    def run(value: Tensor) -> tuple[tuple[Tensor, ...], Finding]:
        return forward(inputs, value, largest_key_norm)

    results, finding = run(value)
    if finding == Finding.GATE_ABOVE_ONE:
        check_gates(log_forget)
    if finding == Finding.NOT_FINITE:
        results = attend_around(lambda value: run(value)[0], value, skip_tolerance)
    return results


@torch.library.impl(f"{_OPERATOR}_backward", "CPU")
def _backward(
    gradient: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    log_forget: Tensor,
    document_ids: Tensor | None,
    limit: float,
    scale: float,
    skip_tolerance: float,
    output: Tensor,
    rows: Tensor,
) -> tuple[Tensor, ...]:
    """Gradients of query, key, value and log_forget, in their dtypes."""
    inputs = Inputs(query, key, log_forget, document_ids, limit, scale, skip_tolerance)

    def run(gradient: Tensor, value: Tensor, output: Tensor) -> tuple[tuple[Tensor, ...], Finding]:
        return backward(inputs, gradient, value, output, rows)

    gradients, finding = run(gradient, value, output)
    if finding == Finding.NOT_FINITE:
        gradients = differentiate_around(lambda *of: run(*of)[0], gradient, value, output)
    tensors = (query, key, value, log_forget)
    return tuple(x.to(y.dtype).contiguous() for x, y in zip(gradients, tensors, strict=True))


def _fake_forward(query: Tensor, *_: Any) -> tuple[Tensor, ...]:
    return empty_results(query)


def _fake_backward(_gradient: Tensor, *inputs: Any) -> tuple[Tensor, ...]:
    return tuple(tensor.new_empty(tensor.shape) for tensor in inputs[:4])


torch.library.register_fake(_OPERATOR, _fake_forward)
torch.library.register_fake(f"{_OPERATOR}_backward", _fake_backward)
derivatives.register(_OPERATOR)
batching.register(_OPERATOR, 0, 1)
