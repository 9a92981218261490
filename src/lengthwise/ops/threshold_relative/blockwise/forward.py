"""The forward walk: a running softmax over tiles of keys, newest first, until every row has met its horizon."""

import torch

from lengthwise.ops.documents import first_of_document
from lengthwise.ops.problem import TILE, Saved
from lengthwise.ops.threshold_relative.blockwise.walk import State, Walk, part
from lengthwise.ops.threshold_relative.horizon import is_met, largest_scores, log_rest, log_series
from lengthwise.ops.threshold_relative.problem import Problem


def walk_forward(problem: Problem) -> Saved:
    """Return the output before rounding, and the largest logit, denominator and tiles visited of each query."""
    walk = Walk(problem)
    slots = walk.tiles * walk.batch * walk.heads
    output = torch.empty(slots, TILE, walk.width, dtype=walk.dtype, device=walk.device)
    rows = torch.empty(3, slots, TILE, dtype=walk.dtype, device=walk.device)
    bound = largest_scores(walk.query.tensor, walk.key.tensor, walk.scale, problem.largest_key_norm)
    if walk.document_ids is None:
        oldest = torch.zeros(walk.batch, walk.queries, dtype=torch.long, device=walk.device)
    else:
        oldest = first_of_document(walk.document_ids)[:, walk.offset :]
    for state in walk.chunks():
        zero = torch.zeros_like(state["log_forget"])
        state |= {
            "bound": walk.of_rows(bound, state["head"], state["row"]),
            "oldest": oldest[(state["head"] // walk.heads)[:, None], state["row"]][..., None],
            "series": log_series(state["log_forget"]),
            # Finite, since -inf minus -inf would be NaN; a quarter of the range, to leave room for bound and gates.
            "largest": torch.full_like(zero, torch.finfo(walk.dtype).min / 4),
            "total": zero,
            "newer": zero,
            "output": torch.zeros_like(state["query"]),
            "steps": torch.zeros_like(zero),
            "done": state["padding"][..., None],
        }
        step = 0
        while len(state["slot"]):
            _visit(walk, state, step)
            left = ((state["tile"] - step) * TILE)[:, None, None]
            to_go = left.to(walk.dtype)
            rest = log_rest(state["bound"], state["log_forget"], state["newer"], state["series"], to_go)
            met = is_met(rest - state["largest"], state["total"].log(), problem.skip_tolerance)
            state["steps"].masked_fill_(~state["done"], step + 1)
            state["done"] = state["done"] | (left <= state["oldest"]) | met
            step += 1
            ended, state = part(state, state["done"])
            if ended:
                nothing = ended["total"] == 0
                output[ended["slot"]] = ended["output"] / ended["total"].masked_fill(nothing, 1)
                rows[:, ended["slot"]] = torch.stack([ended[name][..., 0] for name in ("largest", "total", "steps")])
    return Saved(walk.unpack(output), torch.stack([walk.unpack(of_row) for of_row in rows]))


def _visit(walk: Walk, state: State, step: int) -> None:
    """Add one tile of keys to the running softmax of each row that is not done."""
    position, kept, newer, logits = walk.scores(state, step, state["done"])
    before = state["log_forget"] * state["newer"]  # what newer tiles take off the logits of this tile
    largest = torch.maximum(state["largest"], logits.amax(-1, keepdim=True) + before)
    largest = torch.where(state["done"], state["largest"], largest)
    rescale = torch.exp(state["largest"] - largest)
    weights = walk.weights(logits, (largest - before).masked_fill_(state["done"], torch.inf), kept)
    value = walk.value(state["kv_head"], position).to(walk.dtype)
    state["total"] = state["total"] * rescale + weights.sum(-1, keepdim=True)
    state["output"] = torch.baddbmm(state["output"].mul_(rescale), weights, value)
    state["newer"] = state["newer"] + newer[..., -1:] + kept[..., -1:]
    state["largest"] = largest
