"""Launching the Triton kernels. Nothing is read back from the device, so that the launches run ahead of it."""

import math
from functools import cache
from typing import Any

import torch
import triton
from torch import Tensor

from lengthwise.ops.bounds import running_key_norms
from lengthwise.ops.contiguous import empty_with_contiguous_rows
from lengthwise.ops.problem import Gradients, Saved
from lengthwise.ops.threshold_relative.problem import Problem
from lengthwise.ops.threshold_relative.triton.backward import keys_kernel, rows_kernel
from lengthwise.ops.threshold_relative.triton.decode import FIRST, RANGES, range_kernel, together_kernel
from lengthwise.ops.threshold_relative.triton.forward import FLAGS, forward_kernel
from lengthwise.ops.threshold_relative.triton.tuning import MOST_QUERIES, SEARCHED_FROM, fixed
from lengthwise.ops.triton.inputs import arguments_of, run
from lengthwise.ops.triton.tiles import Rows

FEW = 16
"""Largest number of queries for which ranges of keys are walked in parallel."""
RANGE = 256
"""Keys in a range, except the oldest ranges of a long cache; more keys than most queries with fresh gates need."""
AHEAD = 2
"""Programs per processor in the last launch of a decoding step: while one program waits for keys, another computes."""
INTERPRETED_PROCESSORS = 8
"""Number of processors assumed without a GPU, enough for ranges to be walked in parallel."""
COUNTS = 2**26
"""Largest number of counts of kept keys held for the kernel that owns tiles of keys: 256 MiB."""


class Inputs:
    """The inputs that forward and backward share, in the kernels' format; only unreadable layouts are copied."""

    def __init__(self, problem: Problem) -> None:
        query, key, _, log_forget, document_ids, limit, scale, skip_tolerance, largest_key_norm = problem
        self.query, self.key, self.largest_key_norm = query.detach(), key.detach(), largest_key_norm
        self.batch, self.heads, self.queries, _ = query.shape
        self.kv_heads, self.keys = key.shape[1:3]
        gates = log_forget.detach().to(torch.float32).contiguous()
        self.arguments = arguments_of(query, key, document_ids, scale, otherwise=gates)
        self.arguments |= {"log_forget": gates, "limit": limit}
        self.fixed = fixed(self.arguments["WIDTH"], self.arguments["DTYPE"])
        self.tolerance = math.log2(skip_tolerance) if skip_tolerance > 0 else -math.inf

    def horizon(self) -> dict[str, Any]:
        """Return the arguments of the horizon. Without a known norm, each query uses the norms of the keys it sees."""
        known = self.largest_key_norm is not None
        return {
            "key_norm": self.arguments["log_forget"] if known else running_key_norms(self.key),
            "largest_key_norm": self.largest_key_norm if known else -1.0,
            "NORMS": not known,
            "tolerance": self.tolerance,
        }

    def grid(self, meta: dict[str, Any]) -> tuple[int]:
        """Return the grid: the tiles of queries, head by head in one dimension, because a second ends at 65,535."""
        return (triton.cdiv(self.queries, meta["M"]) * self.batch * self.heads,)

    def tuned(self, kernel: Any) -> tuple[Any, dict[str, Any]]:
        """Return the kernel that searches for its tile sizes, or the plain kernel and fixed sizes for other calls."""
        scores = self.batch * self.heads * self.queries * self.keys
        search = scores >= SEARCHED_FROM and self.query.dtype != torch.float32
        return (kernel, {}) if search else (kernel.fn, self.fixed)

    def empty(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return self.query.new_empty(shape, dtype=dtype)


def forward(problem: Problem) -> Saved:
    """Return the output in the query's dtype, and four numbers for each query.

    The numbers are the shift of its logits, its denominator, the position of the oldest key it has visited, and the
    number of tiles of 64 keys from the oldest key on.
    """
    inputs = Inputs(problem)
    saved = Saved(empty_with_contiguous_rows(problem.query), inputs.empty(4, *problem.query.shape[:3]))
    arguments = inputs.arguments | inputs.horizon()
    arguments |= {"value": Rows.of(problem.value), "output": Rows.of(saved.output), "rows": saved.rows}
    if inputs.queries <= FEW:
        _decode(inputs, arguments)
        return saved
    flags = inputs.batch * inputs.heads, FLAGS.value * triton.cdiv(inputs.queries, MOST_QUERIES.value)
    arguments["careful"] = inputs.empty(*flags, dtype=torch.int32)
    kernel, tiles = inputs.tuned(forward_kernel)
    run(kernel, inputs.grid, arguments | tiles | {"CAREFUL": False})
    run(forward_kernel.fn, inputs.grid, arguments | inputs.fixed | {"CAREFUL": True})
    return saved


def _decode(inputs: Inputs, arguments: dict[str, Any]) -> None:
    every, group = inputs.batch * inputs.heads * inputs.queries, inputs.heads // inputs.kv_heads
    tiles, key_heads = triton.cdiv(group * inputs.queries, inputs.fixed["M"]), inputs.batch * inputs.kv_heads
    side_by_side = max(1, AHEAD * _processors(inputs.query.device) // (tiles * key_heads))
    rest = min(RANGES.value - FIRST.value, side_by_side)
    room = min(FIRST.value + rest, triton.cdiv(inputs.keys, RANGE))
    sums = inputs.empty(2, every, room, inputs.arguments["WIDTH"])
    arguments |= inputs.fixed | {"sums": sums[0], "broken_sums": sums[1], "found": inputs.empty(5, every, room)}
    arguments["room"] = room
    done = covered = 0
    for most in (1, FIRST.value - 1, rest):
        left = inputs.keys - covered
        if left <= 0:
            break
        reach = RANGE
        if done == FIRST.value:
            reach *= triton.cdiv(left, most * RANGE)
        ranges = min(most, triton.cdiv(left, reach))
        arguments |= {"done": done, "covered": covered, "reach": reach}
        run(range_kernel, (key_heads, ranges, tiles), arguments)
        done, covered = done + ranges, covered + ranges * reach
    run(together_kernel, (every,), arguments | {"ranges": done})


@cache
def _processors(device: torch.device) -> int:
    on_a_gpu = device.type == "cuda"
    return torch.cuda.get_device_properties(device).multi_processor_count if on_a_gpu else INTERPRETED_PROCESSORS


def backward(problem: Problem, saved: Saved, gradient: Tensor) -> Gradients:
    """Return the gradients of query, key, value and log_forget; all but the first are float32."""
    inputs, value, (output, rows) = Inputs(problem), problem.value, saved
    whole = value.isfinite()
    d_query, d_log_forget = empty_with_contiguous_rows(inputs.query), inputs.empty(*inputs.query.shape[:3])
    d_key, d_value = inputs.query.new_zeros((2, *inputs.key.shape), dtype=torch.float32)
    arguments = inputs.arguments | {
        "value": Rows.of(torch.where(whole, value.detach(), 0)),
        "gradient": Rows.of(gradient),
        "output": Rows.of(output),
        "rows": rows,
        "plane": rows.stride(0),
        "d_query": Rows.of(d_query),
        "d_key": d_key,
        "d_value": d_value,
        "d_log_forget": d_log_forget,
        "counts": rows,
        "first_row": 0,
        "past_row": inputs.queries,
        "counted_rows": 0,
        "key_tiles": 0,
        "ATOMIC": True,
    }
    if torch.are_deterministic_algorithms_enabled():
        _in_order(inputs, arguments)
    else:
        kernel, tiles = inputs.tuned(rows_kernel)
        run(kernel, inputs.grid, arguments | tiles)
    return d_query, d_key, d_value.masked_fill_(~whole, 0), d_log_forget


def _in_order(inputs: Inputs, arguments: dict[str, Any]) -> None:
    """Compute each gradient in one program, without atomic additions, in bands of rows whose counts fit into memory."""
    every, size, key_tiles = inputs.batch * inputs.heads, inputs.fixed["M"], triton.cdiv(inputs.keys, inputs.fixed["N"])
    band = size * min(max(1, COUNTS // (every * key_tiles * size)), triton.cdiv(inputs.queries, size))
    arguments |= inputs.fixed | {"counted_rows": band, "key_tiles": key_tiles, "ATOMIC": False}
    arguments["counts"] = inputs.empty(every, band, key_tiles)
    for first in range(0, inputs.queries, band):
        past = min(first + band, inputs.queries)
        arguments |= {"first_row": first, "past_row": past}
        run(rows_kernel.fn, (triton.cdiv(past - first, size) * every,), arguments)
        run(keys_kernel, (key_tiles * inputs.batch * inputs.kv_heads,), arguments)
