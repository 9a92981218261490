"""How the fast backends read tensors: row by row, whatever the order of the rows in memory."""

from torch import Tensor


def with_contiguous_rows(tensor: Tensor) -> Tensor:
    """The tensor itself, without its history, where its last dimension is contiguous, else a copy."""
    tensor = tensor.detach()
    return tensor if tensor.stride(-1) == 1 or tensor.shape[-1] == 1 else tensor.contiguous()
