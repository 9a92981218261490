"""Launching the Triton kernels of the walk. Nothing is read back from the device, so that launches run ahead of it."""

import math
from typing import Any

import torch
import torch.nn.functional as F
import triton
from jaxtyping import Float
from torch import Tensor

from lengthwise.ops.bounds import highest_onwards, running_key_norms
from lengthwise.ops.problem import Gradients, Saved
from lengthwise.ops.triton.backward import distances_kernel, keys_kernel, rows_kernel
from lengthwise.ops.triton.forward import forward_kernel
from lengthwise.ops.triton.inputs import arguments_of, run, tiling
from lengthwise.ops.triton.tiles import Rows
from lengthwise.ops.walk import Rule, Walk

FORMS = {
    Rule.FORGETTING: "forgetting",
    Rule.STICK_BREAKING: "stick",
    Rule.DISTANCE_BIAS: "distance",
    Rule.SIGMOID: "sigmoid",
    Rule.SOFTPICK: "softpick",
}
"""The rules that the kernels know, by the names that the kernels give them."""
SKIPPING = (Rule.FORGETTING, Rule.STICK_BREAKING, Rule.DISTANCE_BIAS)
"""Rules with a horizon."""
STATES = 2**26
"""Largest number of states that a backward pass of stick-breaking holds: 256 MiB."""
BIAS_MARGIN = 128
"""Biases beyond the last distance, which queries read that fill up a tile and do not exist."""


class Inputs:
    """The inputs that forward and backward share, in the kernels' format; only unreadable layouts are copied."""

    def __init__(self, walk: Walk) -> None:
        self.walk, self.query = walk, walk.query.detach()
        self.batch, self.heads, self.queries, _ = walk.query.shape
        self.kv_heads, self.keys = walk.key.shape[1:3]
        self.bias = None if walk.bias is None else walk.bias.detach().to(torch.float32)
        self.sinks = 0 if walk.sink is None else walk.sink.shape[-1]
        # A kernel reads nothing from what its form does not have, so that any tensor serves as the pointer.
        numbers = self.query
        if walk.forgotten is not None:
            numbers = _without_rises(walk.forgotten.detach()).contiguous()
        if self.bias is not None:
            numbers = F.pad(self.bias, (0, BIAS_MARGIN)).contiguous()
        self.arguments = arguments_of(self.query, walk.key, walk.document_ids, walk.scale, otherwise=numbers)
        self.arguments |= tiling(self.arguments["WIDTH"], self.arguments["DTYPE"]) | {
            "numbers": numbers,
            "room": numbers.shape[-1],
            "offset": numbers if walk.offset is None else walk.offset.detach().contiguous(),
            "sink": walk.sink.detach().contiguous() if walk.sink is not None and self.sinks else numbers,
            "FORM": FORMS[walk.rule],
            "SINK": self.sinks > 0,
        }

    def horizon(self) -> dict[str, Any]:
        """Return what tells how far back a query looks."""
        tolerance, numbers = self.walk.skip_tolerance, self.arguments["numbers"]
        skips = tolerance > 0 and self.walk.rule in SKIPPING
        of_distances = None if self.bias is None else F.pad(highest_onwards(self.bias), (0, BIAS_MARGIN)).contiguous()
        return {
            "highest": numbers if of_distances is None else of_distances,
            "key_norm": running_key_norms(self.walk.key.detach()) if skips else numbers,
            "tolerance": math.log2(tolerance) if skips else 0.0,
            "broken_tolerance": tolerance,
            "SKIPS": skips,
        }

    def tiles(self, tokens: int, size: str) -> int:
        """Return the number of tiles of ``size``, "M" or "N", that so many tokens fill."""
        return int(triton.cdiv(tokens, self.arguments[size]))

    def empty(self, *shape: int) -> Tensor:
        return self.query.new_empty(shape, dtype=torch.float32)


def _without_rises(sums: Float[Tensor, "batch heads keys"]) -> Float[Tensor, "batch heads keys"]:
    """Return the sums of logarithms of gates, NaN from the first gate above 1 on: a kernel cannot raise an error."""
    rises = sums.diff(dim=-1, prepend=torch.zeros_like(sums[..., :1])) > 0
    return sums.masked_fill(rises.cumsum(-1) > 0, torch.nan)


def forward(walk: Walk) -> Saved:
    """Return the output in float32, and four numbers for each query.

    The numbers are the shift of its logits, its denominator, the position of the oldest key it has visited, and the
    number of tiles of 64 keys from the oldest key on.
    """
    inputs = Inputs(walk)
    output = inputs.empty(*walk.query.shape)
    saved = Saved(output, inputs.empty(4, *walk.query.shape[:3]))
    value = walk.value.detach()
    arguments = inputs.arguments | inputs.horizon()
    arguments |= {"value": Rows.of(value), "output": Rows.of(output), "rows": saved.rows}
    arguments["broken"] = (~value.isfinite()).flatten(2).any(-1).to(torch.int32)
    programs = inputs.tiles(inputs.queries, "M") * inputs.batch * inputs.heads
    for broken in (False, True):
        run(forward_kernel, (programs,), arguments | {"BROKEN": broken})
    return saved


def backward(walk: Walk, saved: Saved, gradient: Tensor) -> Gradients:
    """Return float32 gradients of query, key, value and what the rule has besides."""
    inputs, value, every = Inputs(walk), walk.value.detach(), walk.query.shape[:3]
    whole = value.isfinite()
    d_query, d_offset, d_sink = inputs.empty(*walk.query.shape), inputs.empty(*every), inputs.empty(*every)
    # Sums over queries, which come in bands.
    d_key, d_value = inputs.query.new_zeros((2, *walk.key.shape), dtype=torch.float32)
    d_forgotten = d_key.new_zeros(*every[:2], inputs.keys)
    arguments = inputs.arguments | {
        "value": Rows.of(torch.where(whole, value, 0)),
        "gradient": Rows.of(gradient),
        "output": Rows.of(saved.output),
        "rows": saved.rows,
        "plane": saved.rows.stride(0),
        "d_query": Rows.of(d_query),
        "d_key": d_key,
        "d_value": d_value,
        "d_forgotten": d_forgotten,
        "d_offset": d_offset,
        "d_sink": d_sink,
    }
    all_heads, key_tiles, size = inputs.batch * inputs.heads, inputs.tiles(inputs.keys, "N"), inputs.arguments["M"]
    band = inputs.tiles(inputs.queries, "M") * size
    arguments |= {"states": d_query, "half": 0}
    if walk.rule == Rule.STICK_BREAKING:
        band = min(band, max(1, STATES // (2 * all_heads * key_tiles * size)) * size)
        states = inputs.empty(2, all_heads, band, key_tiles)
        arguments |= {"states": states, "half": states.stride(0)}
    for first in range(0, inputs.queries, band):
        past = min(first + band, inputs.queries)
        arguments |= {"first_row": first, "past_row": past, "band": band}
        run(rows_kernel, (inputs.tiles(past - first, "M") * all_heads,), arguments)
        run(keys_kernel, (key_tiles * inputs.batch * inputs.kv_heads,), arguments)
    besides = {"forgotten": d_forgotten, "offset": d_offset, "sink": d_sink}
    if inputs.bias is not None:
        besides["bias"] = _of_distances(inputs, arguments)
    if not inputs.sinks:
        besides["sink"] = d_sink[..., :0]
    elif walk.forgotten is not None:  # what a query has forgotten moves its keys beside its sink
        d_forgotten[..., inputs.keys - inputs.queries :] -= d_sink
    own = (name for name in ("forgotten", "bias", "offset", "sink") if getattr(walk, name) is not None)
    return d_query, d_key, d_value.masked_fill_(~whole, 0), *(besides[name] for name in own)


def _of_distances(inputs: Inputs, arguments: dict[str, Any]) -> Float[Tensor, "batch heads keys"]:
    """Return the gradient of the biases."""
    size, diagonals = arguments["N"], inputs.tiles(inputs.keys, "N") + 1
    parts = inputs.empty(inputs.batch, inputs.heads, 2, diagonals * size)
    arguments |= {"d_bias": parts, "diagonals": diagonals, "M": size}
    run(distances_kernel, (diagonals * inputs.batch * inputs.heads,), arguments)
    near, far = parts.unbind(2)
    return near[..., : inputs.keys] + far[..., size : size + inputs.keys]
