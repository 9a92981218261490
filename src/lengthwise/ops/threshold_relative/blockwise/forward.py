"""The forward walk: a running softmax over tiles of keys, newest first, until every row has met its horizon."""

import math

import torch
from torch import Tensor

from lengthwise.ops.threshold_relative.blockwise.walk import TILE, State, Walk, part
from lengthwise.ops.threshold_relative.documents import first_of_document


def forward(walk: Walk, skip_tolerance: float, largest_key_norm: float | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Output (batch, heads, queries, D); largest logit, denominator and tiles visited, each (batch, heads, queries)."""
    slots = walk.tiles * walk.batch * walk.heads
    output = torch.empty(slots, TILE, walk.width, dtype=walk.dtype, device=walk.device)
    largest, total = (torch.empty(slots, TILE, dtype=walk.dtype, device=walk.device) for _ in range(2))
    visited = torch.empty(slots, TILE, dtype=torch.int32, device=walk.device)
    log_tolerance = math.log(skip_tolerance) if skip_tolerance > 0 else -math.inf
    bound = _bound(walk, largest_key_norm)
    if walk.document_ids is None:
        oldest = torch.zeros(walk.batch, walk.queries, dtype=torch.long, device=walk.device)
    else:
        oldest = first_of_document(walk.document_ids)[:, walk.offset :]
    for state in walk.chunks():
        zero = torch.zeros_like(state["log_forget"])
        state |= {
            "bound": walk.of_rows(bound, state["head"], state["row"]),
            "oldest": oldest[(state["head"] // walk.heads)[:, None], state["row"]][..., None],
            "log_terms": -torch.log(-torch.expm1(state["log_forget"])),  # of the geometric series
            "largest": torch.full_like(zero, torch.finfo(walk.dtype).min / 4),  # finite: -inf less -inf would be NaN
            "total": zero,
            "newer": zero,
            "output": torch.zeros_like(state["query"]),
            "steps": zero.int(),
            "done": state["padding"][..., None],
        }
        step = 0
        while len(state["slot"]):
            _visit(walk, state, step)
            left = ((state["tile"] - step) * TILE)[:, None, None]
            log_left = torch.minimum(state["log_terms"], left.to(walk.dtype).log())
            log_rest = state["bound"] + state["log_forget"] * state["newer"] + log_left - state["largest"]
            state["steps"].masked_fill_(~state["done"], step + 1)
            state["done"] = (
                state["done"] | (left <= state["oldest"]) | (log_rest <= log_tolerance + state["total"].log())
            )
            step += 1
            ended, state = part(state, state["done"])
            if ended:
                nothing = ended["total"] == 0
                output[ended["slot"]] = ended["output"] / ended["total"].masked_fill(nothing, 1)
                largest[ended["slot"]] = ended["largest"][..., 0]
                total[ended["slot"]] = ended["total"][..., 0]
                visited[ended["slot"]] = ended["steps"][..., 0]
    return walk.unpack(output), walk.unpack(largest), walk.unpack(total), walk.unpack(visited)


def _visit(walk: Walk, state: State, step: int) -> None:
    """Add one tile of keys to the running softmax of each row that is not done."""
    position, kept, newer, logits = walk.scores(state, step, state["done"])
    before = state["log_forget"] * state["newer"]  # what the tiles nearer to the query take off this one's logits
    largest = torch.maximum(state["largest"], logits.amax(-1, keepdim=True) + before)
    largest = torch.where(state["done"], state["largest"], largest)
    rescale = torch.exp(state["largest"] - largest)
    weights = walk.weights(logits, (largest - before).masked_fill_(state["done"], torch.inf), kept)
    value = walk.value(state["kv_head"], position).to(walk.dtype)
    state["total"] = state["total"] * rescale + weights.sum(-1, keepdim=True)
    state["output"] = torch.baddbmm(state["output"].mul_(rescale), weights, value)
    state["newer"] = state["newer"] + newer[..., -1:] + kept[..., -1:]
    state["largest"] = largest


def _bound(walk: Walk, largest_key_norm: float | None) -> Tensor:
    """At least as large as any score a query can have: |q_i| · max over j <= i of |k_j| · scale (Cauchy-Schwarz)."""
    query = torch.linalg.vector_norm(walk.query.tensor, dim=-1, dtype=walk.dtype)
    if largest_key_norm is not None:
        return query * (largest_key_norm * walk.scale)
    key = torch.linalg.vector_norm(walk.key.tensor, dim=-1, dtype=walk.dtype)
    largest = key.cummax(-1).values[:, :, walk.offset :].repeat_interleave(walk.heads // walk.kv_heads, dim=1)
    bound: Tensor = query * largest * walk.scale
    return bound
