"""What the references share: which keys a query sees, and the softmax over them."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lengthwise.ops.problem import TILE


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


def softmax_over(
    logits: Float[Tensor, "*batch queries keys"], kept: Bool[Tensor, "*#batch queries keys"]
) -> Float[Tensor, "*batch queries keys"]:
    """Compute the softmax over the kept keys; a row without kept keys is all zeros."""
    logits = logits.masked_fill(~kept, -torch.inf)
    largest = logits.detach().amax(-1, keepdim=True)
    exponentials = torch.exp(logits - largest.masked_fill(largest == -torch.inf, 0))
    total = exponentials.sum(-1, keepdim=True)
    return exponentials / total.masked_fill(total == 0, 1)


def tiles_up_to(
    query: Float[Tensor, "batch heads queries head_dim"], keys: int
) -> Int[Tensor, "1 batch heads queries"]:
    """Count the tiles from the first key to each query."""
    tiles = torch.arange(keys - query.shape[2], keys, dtype=torch.long, device=query.device) // TILE + 1
    return tiles.expand(1, *query.shape[:3])
