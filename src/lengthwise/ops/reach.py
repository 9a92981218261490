"""What the references share: products of grouped heads, which keys a query sees, and the softmax over them."""

from collections.abc import Callable

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


def scores_of(
    query: Float[Tensor, "batch heads queries head_dim"],
    key: Float[Tensor, "batch kv_heads keys head_dim"],
    scale: float,
) -> Float[Tensor, "batch heads queries keys"]:
    """Compute the scaled products of queries and keys; no key is copied for the heads that share it."""
    return _by_key_head(query, key.shape[1], lambda rows: rows @ key.mT) * scale


def weighted(
    weights: Float[Tensor, "batch heads queries keys"], value: Float[Tensor, "batch kv_heads keys head_dim"]
) -> Float[Tensor, "batch heads queries head_dim"]:
    """Compute the sums of the values with the given weights."""
    return _by_key_head(weights, value.shape[1], lambda rows: rows @ value)


def _by_key_head(
    rows: Float[Tensor, "batch heads queries n"], kv_heads: int, multiply: Callable[[Tensor], Tensor]
) -> Float[Tensor, "batch heads queries m"]:
    """Multiply the rows of all heads that share a key head at once."""
    queries = rows.shape[2]
    together = multiply(rows.unflatten(1, (kv_heads, -1)).flatten(2, 3))
    return together.unflatten(2, (-1, queries)).flatten(1, 2)
