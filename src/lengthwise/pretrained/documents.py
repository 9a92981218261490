"""Padding and packed documents: from Hugging Face's mask and positions to this library's document ids."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from lengthwise.attention.cache import LayerCache
from lengthwise.errors import InputError

PADDING = -1
"""Document id of padding; documents are counted from 0."""


def document_ids(
    shape: tuple[int, int],
    mask: Tensor | None,
    positions: Int[Tensor, "#batch tokens"] | None,
    cache: LayerCache | None,
    *,
    may_begin_later: bool = False,
) -> Int[Tensor, "batch tokens"] | None:
    """Return the document ids of new tokens; None if each sequence is one document without padding.

    Args:
        shape: numbers of sequences and of new tokens.
        mask: (batch, cached and new tokens), 0 for padding, which stands before a sequence or behind it; None without
            padding.
        positions: positions of the new tokens. Each document counts its tokens from 0, so a 0 begins a document.
        cache: the cache of a layer, which holds the ids of earlier tokens.
        may_begin_later: True if the first document of a sequence may begin at any position.

    Raises:
        InputError: for a mask of another shape, for padding inside a sequence, for positions that do not count from 0,
            and for padding or documents that a cache was begun without.
    """
    held = 0 if cache is None else cache.tokens
    last = None if cache is None else cache.last("document_ids")
    real = None if mask is None else _real(mask, shape, held)
    if positions is not None and positions.shape not in (shape, (1, shape[1])):
        raise InputError(f"position_ids must be (batch, tokens), {shape}; got {tuple(positions.shape)}.")
    if not shape[1] or (real is None and positions is None and last is None):
        return None
    device = next(tensor for tensor in (real, positions, last) if tensor is not None).device
    shown = torch.ones(shape, dtype=torch.bool, device=device) if real is None else real
    begins = torch.zeros_like(shown)
    if positions is not None:
        _check(positions, shown, None if may_begin_later or last is not None else held, may_begin_later)
        begins = (positions == 0) & shown
    ids = begins.long().cumsum(1) + (0 if last is None else last.clamp(min=0))
    ids = ids.masked_fill(~shown, PADDING)
    if last is not None or torch.compiler.is_compiling():  # a traced graph has no values to decide by
        return ids
    if held and (bool(begins.any()) or not bool(shown.all())):
        raise InputError(
            "The cache was begun without padding and packed documents, and cannot get either later; read the sequences "
            "again with a new cache."
        )
    return None if bool((ids == ids[:, :1]).all()) and bool(shown.all()) else ids


def counted(mask: Tensor, new: int) -> Int[Tensor, "batch new"]:
    """Return the positions of the ``new`` last tokens of a mask: those that are shown are counted from 0.

    ``generate`` counts in the same way. The positions of padding do not matter.
    """
    return (mask.bool().long().cumsum(1) - 1).clamp(min=0)[:, mask.shape[1] - new :]


def _real(mask: Tensor, shape: tuple[int, int], held: int) -> Bool[Tensor, "batch new"]:
    if mask.ndim != 2 or mask.shape != (shape[0], held + shape[1]):
        raise InputError(
            f"attention_mask must be (batch, tokens), {(shape[0], held + shape[1])} with the cached tokens; got "
            f"{tuple(mask.shape)}."
        )
    shown = mask.bool()
    if not torch.compiler.is_compiling() and shown.shape[1]:
        runs = (shown[:, 1:] & ~shown[:, :-1]).sum(1) + shown[:, 0]
        if bool((runs > 1).any()):
            raise InputError(
                "attention_mask has padding inside a sequence; pad on the left of a prompt that is continued."
            )
    return shown[:, held:]


def _check(positions: Tensor, shown: Tensor, held: int | None, may_begin_later: bool) -> None:
    """Refuse positions that do not count; ``held`` is the position of the first token, if it has to be this one."""
    if torch.compiler.is_compiling():
        return
    follows = torch.ones_like(shown)
    follows[:, 1:] = (positions[:, 1:] == positions[:, :-1] + 1) & shown[:, :-1]
    if held is not None:
        follows[:, 0] = (positions[:, 0] == held).expand(len(follows))
    if not bool((follows | (positions == 0) | ~shown).all()):
        raise InputError(
            "Without attention_mask, position_ids must count on from token to token, or begin again at 0 where a "
            "packed document begins; give attention_mask, too, if the model's own rotation is to have other positions."
            if may_begin_later
            else "position_ids must count the tokens of each document from 0; other positions are a matter of the "
            "mechanism, such as 'softmax+rope'."
        )
