"""Attention in blocks of rows: the same result, and memory that does not grow with the square of the length."""

import pytest
import torch

from lengthwise import Attention
from lengthwise.attention import rows


@pytest.mark.parametrize("limit", ["IN_CACHE", "SCORES_AT_ONCE"])  # all held for the backward pass, or computed anew
@pytest.mark.parametrize("mechanism", ["softmax+alibi", "softmax+rope", "log-n", "entmax+alibi"])
def test_blocks_are_the_whole(mechanism: str, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    attention = Attention(16, heads=2, mechanism=mechanism).double()
    hidden = torch.randn(2, 90, 16, dtype=torch.float64, requires_grad=True)
    ids = torch.repeat_interleave(torch.arange(2), 45).expand(2, -1)

    def results() -> list[torch.Tensor]:
        output = attention(hidden, document_ids=ids)
        return [output, *torch.autograd.grad(output.square().sum(), [hidden, *attention.parameters()])]

    whole = results()
    monkeypatch.setattr(rows, limit, 4_000)  # blocks of 16 rows
    for blocked, expected in zip(results(), whole, strict=True):
        torch.testing.assert_close(blocked, expected)
