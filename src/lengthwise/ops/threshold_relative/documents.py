"""What a walk over the keys has to know about packed documents."""

import torch
from jaxtyping import Int
from torch import Tensor


def oldest_visible(document_ids: Int[Tensor, "batch keys"], queries: int) -> tuple[Tensor, Tensor]:
    """Documents counted from 0, (batch, keys), and the position of the first key of each query's, (batch, queries)."""
    keys = document_ids.shape[1]
    _, document = torch.unique(document_ids, return_inverse=True)
    position = torch.arange(keys, device=document.device).expand_as(document)
    first = torch.full((len(document), int(document.max()) + 1), keys, device=document.device)
    first.scatter_reduce_(1, document, position, "amin")
    return document, first.gather(1, document)[:, keys - queries :]
