"""The walk over the keys in C++: passing tensors to the compiled kernels, and returning their results."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from lengthwise.ops.backend import Backend
from lengthwise.ops.bounds import highest_onwards
from lengthwise.ops.broken_values import attend_around, differentiate_around
from lengthwise.ops.contiguous import with_contiguous_rows
from lengthwise.ops.documents import first_of_document
from lengthwise.ops.native.curve import OF_HEADS, CurveInputs
from lengthwise.ops.native.library import BIAS_MARGIN, DTYPES, Arguments, Finding, Rows, call, not_compiled
from lengthwise.ops.operator import Kind, define
from lengthwise.ops.problem import Gradients, Problem, Saved
from lengthwise.ops.walk import Walk

NUMBERS = 3
"""Numbers for each query: two that the rule needs (``largest`` and ``total`` in ``arguments.h``), and tiles visited."""
GROUP = 16
"""Numbers that the kernels process at once, independent of the registers' size (``GROUP`` in ``native/lanes.h``)."""


def forward(walk: Walk) -> tuple[Saved, Finding]:
    """Return the output in float32, the numbers of each query, and what the kernel found."""
    inputs = _Inputs(walk)
    output = inputs.query.new_empty(inputs.query.shape, dtype=torch.float32)
    rows = output.new_empty((NUMBERS, *output.shape[:3]))
    return Saved(output, rows), inputs.call("forward", output, rows)


def backward(walk: Walk, saved: Saved, gradient: Tensor) -> tuple[Gradients, Finding]:
    """Return float32 gradients of query, key, value and what the rule has besides, and what the kernel found."""
    inputs, gradient = _Inputs(walk), gradient.to(torch.float32).contiguous()
    output, rows = saved.output.contiguous(), saved.rows.contiguous()
    d_query = inputs.query.new_empty(inputs.query.shape, dtype=torch.float32)
    *of_keys, width = inputs.key.shape
    padded = -(-width // GROUP) * GROUP
    d_key, d_value = (inputs.key.new_zeros((*of_keys, padded), dtype=torch.float32) for _ in range(2))
    arguments = inputs.arguments
    arguments.gradient, arguments.d_query = gradient.data_ptr(), d_query.data_ptr()
    arguments.d_key, arguments.d_value = d_key.data_ptr(), d_value.data_ptr()
    besides = {} if inputs.curve is None else inputs.curve.gradients(arguments)
    for name in ("log_forget", "forgotten", "bias", "offset", "sink"):
        if (of := getattr(inputs, name)) is not None:
            besides[name] = of.new_zeros(of.shape, dtype=torch.float32)
            setattr(arguments, f"d_{name}", besides[name].data_ptr())
    finding = inputs.call("backward", output, rows)
    for name in OF_HEADS & besides.keys():
        besides[name] = besides[name].sum(1)
    if inputs.forgotten is not None and arguments.sink:  # what a query has forgotten moves its keys beside its sink
        besides["forgotten"][..., -inputs.query.shape[2] :] -= besides["sink"]
    d_keys = (of[..., :width].contiguous() for of in (d_key, d_value))
    return (d_query, *d_keys, *besides.values()), finding


class _Inputs:
    """The inputs that forward and backward share, in the kernels' format; only unreadable layouts are copied.

    All tensors have to outlive the call, so this object holds them.
    """

    def __init__(self, walk: Walk) -> None:
        self.query, self.key = with_contiguous_rows(walk.query), with_contiguous_rows(walk.key)
        self.value = with_contiguous_rows(walk.value)
        batch, heads, queries, width = self.query.shape
        arguments = Arguments(walk.rule, batch, heads, self.key.shape[1], queries, self.key.shape[2], width)
        arguments.bfloat16, arguments.threads = self.query.dtype == torch.bfloat16, torch.get_num_threads()
        arguments.strict = walk.strict
        arguments.query, arguments.key, arguments.value = Rows.of(self.query), Rows.of(self.key), Rows.of(self.value)
        self.forgotten = self.bias = self.curve = None
        sink = walk.sink
        if walk.forgotten is not None:
            self.forgotten = walk.forgotten.to(torch.float64).contiguous()
            arguments.forgotten = self.forgotten.data_ptr()
        if walk.bias is not None:
            self.bias = walk.bias.to(torch.float32)
        if self.bias is not None and self.bias.shape[-1]:
            # A softmax does not see what is added to all logits of a row, that of the sink included.
            finite = self.bias.where(self.bias.isfinite(), -torch.inf)
            top = finite.amax(-1, keepdim=True).nan_to_num(0, 0, 0)
            below, sink = self.bias - top, None if sink is None else sink - top
            self.padded = F.pad(below, (BIAS_MARGIN, BIAS_MARGIN)), F.pad(highest_onwards(below), (0, BIAS_MARGIN))
            arguments.bias, arguments.highest_bias = (of.data_ptr() for of in self.padded)
        if walk.curve is not None:
            self.curve = CurveInputs(walk.curve, arguments)
            sink = None if sink is None else sink - self.curve.top
        self.log_forget, self.offset, self.sink = (
            None if of is None else of.to(torch.float32).contiguous() for of in (walk.log_forget, walk.offset, sink)
        )
        for name in ("log_forget", "offset", "sink"):
            if (of := getattr(self, name)) is not None:
                setattr(arguments, name, of.data_ptr())
        if walk.document_ids is not None:
            document = first_of_document(walk.document_ids).to(torch.int32).contiguous()
            self.documents = (document, document[:, document.shape[1] - queries :].contiguous())
            arguments.document, arguments.oldest = (x.data_ptr() for x in self.documents)
        arguments.limit, arguments.scale = walk.limit, walk.scale
        arguments.skip_tolerance = walk.skip_tolerance
        arguments.largest_key_norm = -1.0 if walk.largest_key_norm is None else walk.largest_key_norm
        self.arguments = arguments

    def call(self, name: str, output: Tensor, rows: Tensor) -> Finding:
        """Run a kernel on these inputs, with the contiguous output and rows of the forward pass."""
        first, plane = rows.data_ptr(), rows.stride(0) * rows.itemsize
        self.arguments.output = output.data_ptr()
        self.arguments.largest, self.arguments.total, self.arguments.visited = first, first + plane, first + 2 * plane
        return call(name, self.arguments)


def backend(
    kind: Kind, as_walk: Callable[[Problem], Walk], check: Callable[[Problem], None] = lambda problem: None
) -> Backend:
    """Make the native backend of an operator, given its problem as a walk.

    ``check`` raises for gates above 1, when the kernel has found one.
    """

    def attend(problem: Problem) -> Saved:
        saved, finding = forward(as_walk(problem))
        if finding == Finding.GATE_ABOVE_ONE:
            check(problem)
        if finding == Finding.NOT_FINITE:
            return attend_around(lambda problem: forward(as_walk(problem))[0], problem)
        return saved

    def differentiate(problem: Problem, saved: Saved, gradient: Tensor) -> Gradients:
        gradients, finding = backward(as_walk(problem), saved, gradient)
        if finding == Finding.NOT_FINITE:
            return differentiate_around(
                lambda problem, *of: backward(as_walk(problem), *of)[0], problem, saved, gradient
            )
        return gradients

    return Backend(
        "native",
        define(kind, "native", attend, differentiate, numbers=NUMBERS),
        devices=("cpu",),
        dtypes=DTYPES,
        unavailable=not_compiled,
    )
