"""From masks and positions of transformers to documents, which this package keeps apart."""

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from lengthwise.errors import InputError


def documents(
    attention_mask: Shaped[Tensor, "batch all"] | None,
    position_ids: Int[Tensor, "#batch new"] | None,
    *,
    batch: int,
    new: int,
    held: int,
) -> Int[Tensor, "batch new"] | None:
    """Return the documents of the new tokens; None if every sequence is one document.

    Padding, where ``attention_mask`` is 0, is a document of its own, on the left, on the right or on both sides.
    Without padding and without a cache, positions that begin again begin a document, as transformers' collators pack
    them.

    Args:
        attention_mask: 1 for tokens and 0 for padding, held tokens included.
        position_ids: positions of the new tokens; they must count the tokens of each document from 0 on.
        batch: number of sequences.
        new: number of new tokens.
        held: number of tokens in the cache.

    Raises:
        InputError: for a mask that is not (batch, tokens), or has padding between tokens, and for other positions.
    """
    ids = None if attention_mask is None else _padded(attention_mask, (batch, held + new))
    if position_ids is None:
        return None if ids is None else ids[:, held:]
    if ids is None and not held:
        begins = (position_ids == 0).expand(batch, -1)
        packed = begins.cumsum(1) if bool(begins[:, 1:].any()) else None
        _counted(position_ids, packed, new, 0)
        return packed
    _counted(position_ids, ids, new, held)
    return None if ids is None else ids[:, held:]


def _padded(mask: Tensor, wanted: tuple[int, int]) -> Int[Tensor, "batch all"] | None:
    if tuple(mask.shape) != wanted:
        raise InputError(
            f"attention_mask is (batch, tokens), held tokens included: {wanted}; got {tuple(mask.shape)}. Masks of "
            "four dimensions are transformers' own, and this package makes its masks itself."
        )
    ids = (mask != 0).long()
    if bool(ids.all()):
        return None
    if bool(((ids[:, 1:] > ids[:, :-1]).sum(1) > 1).any()) or bool((ids[:, :1] & (ids.diff(dim=1) > 0)).any()):
        raise InputError("attention_mask has padding between tokens; pad on the left or on the right.")
    return ids


def _counted(positions: Tensor, ids: Tensor | None, new: int, held: int) -> None:
    """Check that positions count the tokens of each document; those of padding may be anything."""
    index = torch.arange(held + new, dtype=torch.long, device=positions.device)[None]
    if ids is None:
        right, matters = index, torch.ones_like(index, dtype=torch.bool)
    else:
        begins = torch.ones_like(ids, dtype=torch.bool)
        begins[:, 1:] = ids[:, 1:] != ids[:, :-1]
        right, matters = index - (index * begins).cummax(1).values, ids > 0
    if not bool(((positions == right[:, held:]) | ~matters[:, held:]).all()):
        raise InputError(
            "position_ids must count the tokens of each sequence from 0 on, padding left out; this package counts them "
            "itself, so drop position_ids."
        )
