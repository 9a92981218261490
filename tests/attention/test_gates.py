"""The logarithms of gates are right to the last digits, far from 0, too."""

import pytest
import torch
import torch.nn.functional as F

from lengthwise.attention.gates import log_gates


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_they_are_the_logarithms_of_sigmoids(dtype: torch.dtype) -> None:
    logits = torch.tensor(
        [-1e4, -60, -50.1, -49.9, -30, -3, -1e-3, 0, 1e-3, 3, 30, 80], dtype=dtype, requires_grad=True
    )
    found, expected = log_gates(logits), F.logsigmoid(logits)
    torch.testing.assert_close(found, expected, rtol=8 * torch.finfo(dtype).eps, atol=0)
    (slope,) = torch.autograd.grad(found.sum(), logits)
    torch.testing.assert_close(slope, (-logits).sigmoid().detach(), rtol=1e-5, atol=1e-20)


def test_in_half_precision_they_are_computed_in_float32() -> None:
    logits = torch.tensor([-3.0, 9.0], dtype=torch.bfloat16)
    assert torch.equal(log_gates(logits), log_gates(logits.float()))
