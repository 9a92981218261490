"""Threshold relative attention on a GPU, in Triton.

The kernels do the other backends' walk. No number is read back from the GPU, so the kernels cannot refuse a gate above
1, and such a gate makes its row NaN. With ``TRITON_INTERPRET=1`` in the environment before the first import the kernels
run on the CPU, slowly; the tests without a GPU use this mode.

Triton takes a second to import, and may not be installed, so the kernels are imported by the first call.
"""

import torch
from torch import Tensor

from lengthwise.ops.backend import Backend
from lengthwise.ops.contiguous import empty_with_contiguous_rows
from lengthwise.ops.problem import Gradients, Saved
from lengthwise.ops.threshold_relative.operator import define
from lengthwise.ops.threshold_relative.problem import Problem
from lengthwise.ops.triton import DEVICES, DTYPES, WIDEST, not_installed

NUMBERS = 4
"""Numbers for each query: shift of its logits, denominator, position of the oldest key visited, tiles visited."""


def forward(problem: Problem) -> Saved:
    """Return the output in the query's dtype, and the numbers of each query."""
    from lengthwise.ops.threshold_relative.triton import launch

    with torch.cuda.device_of(problem.query):
        return launch.forward(problem)


def backward(problem: Problem, saved: Saved, gradient: Tensor) -> Gradients:
    """Return the gradients of query, key, value and log_forget; all but the first are float32."""
    from lengthwise.ops.threshold_relative.triton import launch

    with torch.cuda.device_of(problem.query):
        return launch.backward(problem, saved, gradient)


BACKEND = Backend(
    "triton",
    define("triton", forward, backward, numbers=NUMBERS, empty_output=empty_with_contiguous_rows),
    devices=DEVICES,
    dtypes=DTYPES,
    widest=WIDEST,
    unavailable=not_installed,
)
