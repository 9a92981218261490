"""Passing tensors to the compiled kernels, and returning their results."""

import torch
from torch import Tensor

from lengthwise.ops.threshold_relative.contiguous import with_contiguous_rows
from lengthwise.ops.threshold_relative.documents import first_of_document
from lengthwise.ops.threshold_relative.native.library import Arguments, Finding, Rows, call
from lengthwise.ops.threshold_relative.problem import Gradients, Problem, Saved

NUMBERS = 3
"""Numbers for each query: largest logit in base 2, denominator, tiles visited."""
GROUP = 16
"""Numbers that the kernels process at once, independent of the registers' size (``GROUP`` in ``native/lanes.h``)."""


class Inputs:
    """The inputs that forward and backward share, in the kernels' format; only unreadable layouts are copied.

    All tensors have to outlive the call, so this object holds them.
    """

    def __init__(self, problem: Problem) -> None:
        self.query, self.key = with_contiguous_rows(problem.query), with_contiguous_rows(problem.key)
        self.value = with_contiguous_rows(problem.value)
        self.log_forget = problem.log_forget.to(torch.float32).contiguous()
        self.documents: tuple[Tensor, ...] = ()
        if problem.document_ids is not None:
            document = first_of_document(problem.document_ids).to(torch.int32)
            self.documents = (document, document[:, document.shape[1] - self.query.shape[2] :].contiguous())
        batch, heads, queries, width = self.query.shape
        sizes = (batch, heads, self.key.shape[1], queries, self.key.shape[2], width)
        arguments = Arguments(*sizes, self.query.dtype == torch.bfloat16, torch.get_num_threads())
        arguments.query, arguments.key, arguments.value = Rows.of(self.query), Rows.of(self.key), Rows.of(self.value)
        arguments.log_forget = self.log_forget.data_ptr()
        arguments.limit, arguments.scale = problem.limit, problem.scale
        arguments.skip_tolerance = problem.skip_tolerance
        known = problem.largest_key_norm
        arguments.largest_key_norm = -1.0 if known is None else known
        if self.documents:
            arguments.document, arguments.oldest = (x.data_ptr() for x in self.documents)
        self.arguments = arguments

    def call(self, name: str, output: Tensor, rows: Tensor) -> Finding:
        """Run a kernel on these inputs, with the contiguous output and rows of the forward pass."""
        first, plane = rows.data_ptr(), rows.stride(0) * rows.itemsize
        self.arguments.output = output.data_ptr()
        self.arguments.largest, self.arguments.total, self.arguments.visited = first, first + plane, first + 2 * plane
        return call(name, self.arguments)


def forward(problem: Problem) -> tuple[Saved, Finding]:
    """Return the output in float32, the numbers of each query, and what the kernel found."""
    inputs = Inputs(problem)
    query = inputs.query
    output = query.new_empty(query.shape, dtype=torch.float32)
    rows = output.new_empty((NUMBERS, *query.shape[:3]))
    return Saved(output, rows), inputs.call("forward", output, rows)


def backward(problem: Problem, saved: Saved, gradient: Tensor) -> tuple[Gradients, Finding]:
    """Return float32 gradients of query, key, value and log_forget, and what the kernel found."""
    inputs, gradient = Inputs(problem), gradient.to(torch.float32).contiguous()
    output, rows = saved.output.contiguous(), saved.rows.contiguous()
    d_query, d_log_forget = (x.new_empty(x.shape, dtype=torch.float32) for x in (inputs.query, inputs.log_forget))
    *of_keys, width = inputs.key.shape
    padded = -(-width // GROUP) * GROUP
    d_key, d_value = (inputs.key.new_zeros((*of_keys, padded), dtype=torch.float32) for _ in range(2))
    arguments = inputs.arguments
    arguments.gradient, arguments.d_query = gradient.data_ptr(), d_query.data_ptr()
    arguments.d_key, arguments.d_value = d_key.data_ptr(), d_value.data_ptr()
    arguments.d_log_forget = d_log_forget.data_ptr()
    finding = inputs.call("backward", output, rows)
    return (d_query, d_key[..., :width].contiguous(), d_value[..., :width].contiguous(), d_log_forget), finding
