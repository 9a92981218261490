"""Packed documents: where the document of each key begins."""

import torch
from jaxtyping import Int
from torch import Tensor


def first_of_document(document_ids: Int[Tensor, "batch keys"]) -> Int[Tensor, "batch keys"]:
    """Return, for each key, the position of the first key with the same id.

    This position names the document, and a walk may end there. Nothing is read back from the device.
    """
    ids, position = document_ids.sort(dim=1, stable=True)
    starts = torch.ones_like(ids, dtype=torch.bool)
    starts[:, 1:] = ids[:, 1:] != ids[:, :-1]
    # The stable sort puts a document's first key first, so a running maximum over the starts finds it for all its keys.
    place = torch.arange(ids.shape[1], dtype=torch.long, device=ids.device).expand_as(ids)
    first = position.gather(1, torch.where(starts, place, 0).cummax(1).values)
    return torch.empty_like(position).scatter_(1, position, first)
