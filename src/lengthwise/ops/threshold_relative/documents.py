"""What a walk over the keys has to know about packed documents."""

import torch
from jaxtyping import Int
from torch import Tensor


def first_of_document(document_ids: Int[Tensor, "batch keys"]) -> Int[Tensor, "batch keys"]:
    """The position of the first key that has the same id: a name for the document, and where a walk may end.

    Nothing is read back from the device.
    """
    ids, position = document_ids.sort(dim=1, stable=True)
    starts = torch.ones_like(ids, dtype=torch.bool)
    starts[:, 1:] = ids[:, 1:] != ids[:, :-1]
    # In the sorted order a document's first key comes first, and the place where it stands there grows.
    place = torch.arange(ids.shape[1], dtype=torch.long, device=ids.device).expand_as(ids)
    first = position.gather(1, torch.where(starts, place, 0).cummax(1).values)
    return torch.empty_like(position).scatter_(1, position, first)
