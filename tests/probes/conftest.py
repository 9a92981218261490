"""Attention without any help, for what is found and measured in other people's modules."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn


class PlainAttention(nn.Module):
    """Causal attention of one head, written out; it keeps what it hands to its projection."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(dim, dim, bias=False) for _ in range(3))
        self.o_proj = nn.Linear(dim, dim)
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        scores = self.query(x) @ self.key(x).transpose(-1, -2) / x.shape[-1] ** 0.5
        hidden = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        attended = scores.masked_fill(hidden, -torch.inf).softmax(-1) @ self.value(x)
        self.seen.append(attended.detach())
        return self.o_proj(attended)


@pytest.fixture
def plain() -> Callable[[int], nn.Module]:
    """``plain(layers)``: so many layers of plain attention, one upon the other, of width 12."""

    def make(layers: int) -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(*(PlainAttention(12) for _ in range(layers)))

    return make
