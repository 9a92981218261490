"""The reference of threshold relative attention, which defines the result: materialised, differentiable by autograd.

It runs on any device. Its four steps follow the paper (arXiv 2503.23174): threshold, count, add, softmax.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lengthwise.ops.threshold_relative.backend import Backend
from lengthwise.ops.threshold_relative.broken_values import attend_around
from lengthwise.ops.threshold_relative.modes import is_readable
from lengthwise.ops.threshold_relative.problem import TILE, Problem, Saved, check_gates, wide


def attend(problem: Problem) -> Saved:
    """Return the output in the query's dtype, and how many tiles each query visits: all tiles up to the query."""
    query, key, _, log_forget, document_ids, limit, scale, *_ = problem
    if is_readable(log_forget):
        check_gates(log_forget)
    else:
        log_forget = log_forget.masked_fill(log_forget > 0, torch.nan)
    compute, group = wide(query.dtype), query.shape[1] // key.shape[1]
    key = key.to(compute).repeat_interleave(group, dim=1)
    logits, kept = logits_and_kept(query.to(compute), key, log_forget.to(compute), limit, scale, document_ids)
    p = weights(logits, kept)
    queries, keys = query.shape[2], key.shape[2]
    visited = torch.arange(keys - queries, keys, dtype=torch.long, device=query.device) // TILE + 1
    rows = visited.expand(1, *query.shape[:3])

    def weigh(problem: Problem) -> Saved:
        return Saved(p @ problem.value.to(compute).repeat_interleave(group, dim=1), rows)

    output, rows = attend_around(weigh, problem)
    return Saved(output.to(query.dtype), rows)


def logits_and_kept(
    query: Float[Tensor, "batch heads queries head_dim"],
    key: Float[Tensor, "batch heads keys head_dim"],
    log_forget: Float[Tensor, "batch heads queries"],
    limit: float,
    scale: float,
    document_ids: Int[Tensor, "batch keys"] | None = None,
    *,
    strict: bool = False,
) -> tuple[Float[Tensor, "batch heads queries keys"], Bool[Tensor, "batch heads queries keys"]]:
    """Compute the logits ``s + log_forget * (c - 1)`` and which keys are kept; logits of dropped keys have no meaning.

    A key is kept when its product with the query is greater than ``limit``, the threshold divided by ``scale``. The
    logits use ``c - 1`` instead of ``c``: the softmax does not see the shift, and the newest kept key keeps its score
    without rounding. With ``strict``, no query sees its own key.
    """
    log_forget = log_forget.clamp(min=torch.finfo(log_forget.dtype).min)[..., None]  # -inf * 0 would be NaN
    products = query @ key.transpose(-1, -2)
    # A NaN in a product or a gate keeps the key, so that the NaN shows in the output.
    seen = visible(query.shape[2], key.shape[2], document_ids, query.device, strict=strict)
    kept = ~(products <= limit + 0 * log_forget) & seen
    newer = kept.flip(-1).cumsum(-1).flip(-1) - kept.long()  # kept keys after this one, the query's own included
    return products * scale + log_forget * newer, kept


def visible(
    queries: int,
    keys: int,
    document_ids: Int[Tensor, "batch keys"] | None,
    device: torch.device,
    *,
    strict: bool = False,
) -> Bool[Tensor, "#batch 1 queries keys"]:
    """Return the mask of the last ``queries`` positions: True for keys of the query's document, up to the query.

    With ``strict``, they end before the query.
    """
    position = torch.arange(keys, dtype=torch.long, device=device)
    causal = position[keys - queries :, None] >= position + int(strict)
    if document_ids is None:
        return causal[None, None]
    same = document_ids[:, keys - queries :, None] == document_ids[:, None, :]
    return (causal & same)[:, None]


def weights(
    logits: Float[Tensor, "*batch queries keys"], kept: Bool[Tensor, "*batch queries keys"]
) -> Float[Tensor, "*batch queries keys"]:
    """Compute the softmax over the kept keys; a row without kept keys is all zeros."""
    logits = logits.masked_fill(~kept, -torch.inf)
    largest = logits.detach().amax(-1, keepdim=True)
    exponentials = torch.exp(logits - largest.masked_fill(largest == -torch.inf, 0))
    total = exponentials.sum(-1, keepdim=True)
    return exponentials / total.masked_fill(total == 0, 1)


BACKEND = Backend("reference", attend)
