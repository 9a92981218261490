"""Factored attention against its formula, and what it can and cannot see."""

import pytest
import torch
from torch import Tensor

from lengthwise import Attention
from lengthwise.errors import InputError

CONTEXT = 6


def build() -> Attention:
    torch.manual_seed(0)
    return Attention(16, heads=4, kv_heads=2, mechanism="factored", context=CONTEXT).double()


def hidden(tokens: int) -> Tensor:
    return torch.randn(2, tokens, 16, generator=torch.Generator().manual_seed(1)).double()


def test_a_head_is_a_convolution_with_its_own_weights() -> None:
    attention, tokens = build(), hidden(10)
    values = attention.value(tokens).unflatten(-1, (2, 4))
    expected = torch.zeros(2, 10, 4, 4).double()
    for head in range(4):
        for i in range(10):
            for j in range(max(0, i - CONTEXT + 1), i + 1):
                expected[:, i, head] += attention.weights.alpha[head, i - j] * values[:, j, head // 2]
    torch.testing.assert_close(attention(tokens), attention.project.matrix(expected.flatten(2)))


def test_a_key_farther_away_than_in_training_is_not_seen() -> None:
    attention, tokens = build(), hidden(10).requires_grad_()
    (gradient,) = torch.autograd.grad(attention(tokens)[:, -1].square().sum(), tokens)
    assert (gradient.abs().amax((0, 2)) > 0).tolist() == [False] * 4 + [True] * CONTEXT


def test_the_weights_begin_small_and_do_not_depend_on_the_tokens() -> None:
    attention, calls = build(), []
    bound = (6 / (4 + CONTEXT)) ** 0.5
    assert attention.weights.alpha.abs().max() <= bound
    attention.weights.register_forward_pre_hook(lambda _, inputs: calls.append(inputs[0]))
    for scale in (1, 100):
        attention(scale * hidden(10))
    one, other = (attention.weights.probabilities(call) for call in calls)
    assert torch.equal(one, other)


def test_the_training_length_must_be_known() -> None:
    with pytest.raises(InputError, match="how long training sequences are"):
        Attention(16, 4, mechanism="factored")
