"""The backward walk: the same tiles in the same order, with the weights recomputed."""

import torch
from torch import Tensor

from lengthwise.ops.problem import TILE, Gradients, Saved
from lengthwise.ops.threshold_relative.blockwise.walk import Rows, Walk, part
from lengthwise.ops.threshold_relative.problem import Problem


def walk_backward(problem: Problem, saved: Saved, gradient: Tensor) -> Gradients:
    """Return the gradients of query, key, value and log_forget before rounding.

    The same walk recomputes the weights and stops where the forward walk stopped; the threshold has no gradient.
    """
    walk = Walk(problem)
    largest, total, steps = saved.rows
    # The denominator divides the gradient's rows instead of the weights. If its logarithm were added to the largest
    # logit, the exponent would be rounded, which is an error of 5e-7 in every weight of a row.
    nothing = total == 0
    gradient = gradient / total.masked_fill(nothing, 1)[..., None]
    inner = (gradient * saved.output).sum(-1)
    steps = steps.masked_fill(nothing, 0)
    slots, rows = walk.tiles * walk.batch * walk.heads, walk.batch * walk.kv_heads
    d_query = torch.empty(slots, TILE, walk.width, dtype=walk.dtype, device=walk.device)
    d_log_forget = torch.empty(slots, TILE, dtype=walk.dtype, device=walk.device)
    key_tiles = (walk.keys - 1) // TILE + 1
    d_key, d_value = torch.zeros(2, rows * key_tiles, TILE, walk.width, dtype=walk.dtype, device=walk.device)
    gradient_rows = Rows(gradient)
    for state in walk.chunks():
        head, row = state["head"], state["row"]
        zero = torch.zeros_like(state["log_forget"])
        state |= {
            "gradient": gradient_rows(head, row),
            "inner": walk.of_rows(inner, head, row),
            "largest": walk.of_rows(largest, head, row),
            "steps": walk.of_rows(steps, head, row).masked_fill(state["padding"][..., None], 0),
            "newer": zero,
            "d_query": torch.zeros_like(state["query"]),
            "d_log_forget": zero,
        }
        step = 0
        while len(state["slot"]):
            closed = state["steps"] <= step
            position, kept, newer, logits = walk.scores(state, step, closed)
            before = state["log_forget"] * state["newer"]
            shift = (state["largest"] - before).masked_fill_(closed, torch.inf)
            weights = walk.weights(logits, shift, kept)
            value = walk.value(state["kv_head"], position).to(walk.dtype)
            key = walk.key(state["kv_head"], position).to(walk.dtype)
            key_slot = state["kv_head"] * key_tiles + state["tile"] - step
            d_value.index_add_(0, key_slot, torch.bmm(weights.transpose(1, 2), state["gradient"]))
            d_weights = torch.bmm(state["gradient"], value.transpose(1, 2))
            d_logits = d_weights.sub_(state["inner"]).mul_(weights)
            d_key.index_add_(0, key_slot, torch.bmm(d_logits.transpose(1, 2), state["query"]), alpha=walk.scale)
            state["d_query"] = torch.baddbmm(state["d_query"], d_logits, key, alpha=walk.scale)
            distances = state["newer"] * d_logits.sum(-1, keepdim=True) + (d_logits * newer).sum(-1, keepdim=True)
            state["d_log_forget"] = state["d_log_forget"] + distances
            state["newer"] = state["newer"] + newer[..., -1:] + kept[..., -1:]
            step += 1
            ended, state = part(state, state["steps"] <= step)
            if ended:
                d_query[ended["slot"]] = ended["d_query"]
                d_log_forget[ended["slot"]] = ended["d_log_forget"][..., 0]

    def of_keys(tiles: Tensor) -> Tensor:
        tiles = tiles.flip(1).unflatten(0, (walk.batch, walk.kv_heads, key_tiles)).flatten(2, 3)
        return tiles[:, :, : walk.keys].contiguous()

    return walk.unpack(d_query), of_keys(d_key), of_keys(d_value), walk.unpack(d_log_forget)
