"""The reference of threshold relative attention, which defines the result: materialised, differentiable by autograd.

It runs on any device. Its four steps follow the paper (arXiv 2503.23174): threshold, count, add, softmax.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lengthwise.ops.backend import Backend
from lengthwise.ops.broken_values import attend_around
from lengthwise.ops.modes import is_readable
from lengthwise.ops.problem import Saved, at_least_float32, check_gates
from lengthwise.ops.reach import softmax_over, tiles_up_to, visible
from lengthwise.ops.threshold_relative.problem import Problem


def attend(problem: Problem) -> Saved:
    """Return the output in the query's dtype, and how many tiles each query visits: all tiles up to the query."""
    query, key, _, log_forget, document_ids, limit, scale, *_ = problem
    if is_readable(log_forget):
        check_gates(log_forget)
    else:
        log_forget = log_forget.masked_fill(log_forget > 0, torch.nan)
    compute, group = at_least_float32(query.dtype), query.shape[1] // key.shape[1]
    key = key.to(compute).repeat_interleave(group, dim=1)
    logits, kept = logits_and_kept(query.to(compute), key, log_forget.to(compute), limit, scale, document_ids)
    p = softmax_over(logits, kept)

    def weigh(problem: Problem) -> Saved:
        values = problem.value.to(compute).repeat_interleave(group, dim=1)
        return Saved(p @ values, tiles_up_to(query, key.shape[2]))

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


BACKEND = Backend("reference", attend)
