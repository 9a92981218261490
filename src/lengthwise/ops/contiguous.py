"""Memory layouts for the fast backends, which need contiguous rows but take the rows in any order."""

import torch
from torch import Tensor


def with_contiguous_rows(tensor: Tensor) -> Tensor:
    """Return the tensor, detached from autograd; a copy if its last dimension is not contiguous."""
    tensor = tensor.detach()
    return tensor if tensor.stride(-1) == 1 or tensor.shape[-1] == 1 else tensor.contiguous()


def empty_with_contiguous_rows(tensor: Tensor) -> Tensor:
    """Return memory with the tensor's layout, which saves a transpose, if its rows are contiguous; else packed."""
    laid_out = torch.empty_like(tensor)
    return laid_out if laid_out.stride(-1) == 1 else tensor.new_empty(tensor.shape)
