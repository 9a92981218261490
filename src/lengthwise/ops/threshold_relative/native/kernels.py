"""Tensors into the compiled kernels, and out of them."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.ops.threshold_relative.contiguous import with_contiguous_rows
from lengthwise.ops.threshold_relative.documents import first_of_document
from lengthwise.ops.threshold_relative.native.library import Arguments, Finding, Rows, call


class Inputs:
    """What a forward and a backward pass share, as the kernels want it; nothing is copied that they can read."""

    def __init__(
        self,
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads keys head_dim"],
        log_forget: Float[Tensor, "batch heads queries"],
        document_ids: Int[Tensor, "batch keys"] | None,
        limit: float,
        scale: float,
        skip_tolerance: float,
    ) -> None:
        self.query, self.key = with_contiguous_rows(query), with_contiguous_rows(key)
        self.log_forget = log_forget.to(torch.float32).contiguous()
        self.limit, self.scale, self.skip_tolerance = limit, scale, skip_tolerance
        self.documents: tuple[Tensor, ...] = ()
        if document_ids is not None:
            document = first_of_document(document_ids).to(torch.int32)
            self.documents = (document, document[:, document.shape[1] - query.shape[2] :].contiguous())

    def arguments(self, value: Tensor, output: Tensor, rows: Tensor) -> Arguments:
        """Sizes, strides and pointers; all tensors have to outlive the call."""
        batch, heads, queries, width = self.query.shape
        sizes = (batch, heads, self.key.shape[1], queries, self.key.shape[2], width)
        arguments = Arguments(*sizes, self.query.dtype == torch.bfloat16, torch.get_num_threads())
        arguments.query, arguments.key, arguments.value = Rows.of(self.query), Rows.of(self.key), Rows.of(value)
        arguments.log_forget = self.log_forget.data_ptr()
        arguments.limit, arguments.scale, arguments.skip_tolerance = self.limit, self.scale, self.skip_tolerance
        if self.documents:
            arguments.document, arguments.oldest = (x.data_ptr() for x in self.documents)
        arguments.output = output.data_ptr()
        arguments.largest, arguments.total, arguments.visited = (x.data_ptr() for x in rows)
        return arguments


def empty_results(query: Tensor) -> tuple[Tensor, Tensor]:
    """The output in float32, and (3, batch, heads, queries): largest logit in base 2, denominator, tiles visited."""
    output = query.new_empty(query.shape, dtype=torch.float32)
    return output, query.new_empty((3, *query.shape[:3]), dtype=torch.float32)


def forward(inputs: Inputs, value: Tensor, largest_key_norm: float) -> tuple[tuple[Tensor, Tensor], Finding]:
    """Output and rows as in :func:`empty_results`; a negative ``largest_key_norm`` is not known."""
    value = with_contiguous_rows(value)
    output, rows = empty_results(inputs.query)
    arguments = inputs.arguments(value, output, rows)
    arguments.largest_key_norm = largest_key_norm
    return (output, rows), call("forward", arguments)


def backward(
    inputs: Inputs, gradient: Tensor, value: Tensor, output: Tensor, rows: Tensor
) -> tuple[tuple[Tensor, ...], Finding]:
    """Float32 gradients of query, key, value and log_forget."""
    value, gradient = with_contiguous_rows(value), gradient.to(torch.float32).contiguous()
    d_query, d_log_forget = (x.new_empty(x.shape, dtype=torch.float32) for x in (inputs.query, inputs.log_forget))
    *of_keys, width = inputs.key.shape
    padded = (width + 15) // 16 * 16  # the kernels add whole registers
    d_key, d_value = (inputs.key.new_zeros((*of_keys, padded), dtype=torch.float32) for _ in range(2))
    arguments = inputs.arguments(value, output, rows)
    arguments.gradient, arguments.d_query = gradient.data_ptr(), d_query.data_ptr()
    arguments.d_key, arguments.d_value = d_key.data_ptr(), d_value.data_ptr()
    arguments.d_log_forget = d_log_forget.data_ptr()
    finding = call("backward", arguments)
    return (d_query, d_key[..., :width], d_value[..., :width], d_log_forget), finding
