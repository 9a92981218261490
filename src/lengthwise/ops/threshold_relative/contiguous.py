"""How the fast backends read and write tensors: row by row, whatever the order of the rows in memory."""

import torch
from torch import Tensor


def with_contiguous_rows(tensor: Tensor) -> Tensor:
    """Return the tensor itself, without its history, where its last dimension is contiguous, else a copy."""
    tensor = tensor.detach()
    return tensor if tensor.stride(-1) == 1 or tensor.shape[-1] == 1 else tensor.contiguous()


def empty_with_contiguous_rows(tensor: Tensor) -> Tensor:
    """Return memory laid out as the tensor is if its rows are contiguous there: then nothing has to be transposed."""
    laid_out = torch.empty_like(tensor)
    return laid_out if laid_out.stride(-1) == 1 else tensor.new_empty(tensor.shape)
