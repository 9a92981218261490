"""What the references share: which keys a query sees, the softmax over them, and attention by the definition."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lengthwise.ops.broken_values import attend_around
from lengthwise.ops.problem import TILE, Problem, Saved, at_least_float32


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
    logits: Float[Tensor, "*batch queries keys"],
    kept: Bool[Tensor, "*#batch queries keys"],
    sink: Float[Tensor, "*batch sinks"] | None = None,
) -> Float[Tensor, "*batch queries keys"]:
    """Compute the softmax over the kept keys; a row without kept keys is all zeros.

    With sinks, one more logit for each row, the weights of a row sum to less than 1.
    """
    logits = logits.masked_fill(~kept, -torch.inf)
    if sink is not None and sink.shape[-1]:
        return softmax_over(*_with_sink(logits, kept, sink))[..., :-1]
    largest = logits.detach().amax(-1, keepdim=True)
    exponentials = torch.exp(logits - largest.masked_fill(largest == -torch.inf, 0))
    total = exponentials.sum(-1, keepdim=True)
    if sink is not None:
        total = total + nothing_of(sink)
    return exponentials / total.masked_fill(total == 0, 1)


def _with_sink(logits: Tensor, kept: Tensor, sink: Tensor) -> tuple[Tensor, Tensor]:
    """Append the sink to the keys, as one that is always kept."""
    return torch.cat([logits, sink[..., None].to(logits.dtype)], -1), F.pad(kept, (0, 1), value=True)


def nothing_of(tensor: Float[Tensor, "*shape numbers"]) -> Float[Tensor, ""]:
    """Return 0, as a sum of no numbers: autograd sees that a result which it is added to has no gradient by them."""
    return tensor[..., :0].sum()


def at_distances(numbers: Float[Tensor, "*batch keys"], queries: int) -> Float[Tensor, "*batch queries keys"]:
    """Return the number of each pair, given that of each distance; keys ahead get that of distance 0."""
    keys = numbers.shape[-1]
    position = torch.arange(keys, dtype=torch.long, device=numbers.device)
    return numbers[..., (position[keys - queries :, None] - position).clamp(min=0)]


def tiles_up_to(
    query: Float[Tensor, "batch heads queries head_dim"], keys: int
) -> Int[Tensor, "1 batch heads queries"]:
    """Count the tiles from the first key to each query."""
    tiles = torch.arange(keys - query.shape[2], keys, dtype=torch.long, device=query.device) // TILE + 1
    return tiles.expand(1, *query.shape[:3])


def materialised(problem: Problem, weigh: Callable[[Tensor, Tensor], Tensor], *, strict: bool = False) -> Saved:
    """Compute a problem by its definition, with the weights of all keys at once.

    Args:
        problem: the problem.
        weigh: computes the weights, (batch, heads, queries, keys), from the scaled products and from the mask of the
            keys that are visible.
        strict: as in :func:`visible`.

    Returns:
        The output in the query's dtype, and how many tiles each query visits: all tiles up to the query.
    """
    query, key = problem.query, problem.key
    compute, queries, keys = at_least_float32(query.dtype), query.shape[2], key.shape[2]
    products = _by_key_head(query.to(compute), key.shape[1], lambda rows: rows @ key.to(compute).mT)
    weights = weigh(products * problem.scale, visible(queries, keys, problem.document_ids, query.device, strict=strict))

    def attend(problem: Problem) -> Saved:
        value = problem.value.to(compute)
        return Saved(_by_key_head(weights, key.shape[1], lambda rows: rows @ value), tiles_up_to(query, keys))

    output, rows = attend_around(attend, problem)
    return Saved(output.to(query.dtype), rows)


def _by_key_head(
    rows: Float[Tensor, "batch heads queries n"], kv_heads: int, multiply: Callable[[Tensor], Tensor]
) -> Float[Tensor, "batch heads queries m"]:
    """Multiply the rows of all heads that share a key head at once; no key is copied for each of the heads."""
    queries = rows.shape[2]
    together = multiply(rows.unflatten(1, (kv_heads, -1)).flatten(2, 3))
    return together.unflatten(2, (-1, queries)).flatten(1, 2)
