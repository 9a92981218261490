"""Hadamard attention against plain loops, and how far it sees."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lengthwise import Attention, Decoder, DecoderConfig
from lengthwise.attention.cache import LayerCache
from lengthwise.errors import InputError
from lengthwise.evaluation.watch import Watch


def build(causal: bool = True) -> Attention:
    torch.manual_seed(0)
    return Attention(16, 4, 2, "hadamard", causal=causal).double()


def hidden(tokens: int = 12) -> Tensor:
    return torch.randn(2, tokens, 16, generator=torch.Generator().manual_seed(1)).double()


def convolved(branch: Tensor, convolution: torch.nn.Conv1d, causal: bool) -> Tensor:
    """By torch's own convolution, padded before the sequence or on both sides."""
    (taps,) = convolution.kernel_size
    padding = (taps - 1, 0) if causal else (taps // 2, taps // 2)
    return F.conv1d(F.pad(branch.mT, padding), convolution.weight, convolution.bias).mT


@pytest.mark.parametrize("causal", [True, False])
def test_hadamard_by_hand(causal: bool) -> None:
    attention, tokens = build(causal), hidden()
    part: Any = attention.weights

    def wide(vectors: Tensor) -> Tensor:  # four heads from two that are shared
        return vectors.unflatten(-1, (2, 4)).repeat_interleave(2, 2).flatten(2)

    finer_query, finer_key = part.finer(tokens).split(12, -1)
    query = torch.cat([attention.query(tokens), finer_query], -1)
    key = torch.cat([wide(attention.key(tokens)), finer_key], -1)
    product = query * key / query.square().sum(-1, keepdim=True).sqrt() / key.square().sum(-1, keepdim=True).sqrt()
    gates = torch.where(product > 0, product, product.exp() - 1).split([16, 8, 4], -1)
    first = gates[0] * wide(attention.value(tokens)) + wide(attention.value(tokens))
    second = gates[1] * convolved(first, part.small, causal)
    third = gates[2] * convolved(second, part.large, causal)
    expected = attention.project.matrix(torch.cat([first, second, third], -1) @ part.merge.weight.T)
    torch.testing.assert_close(attention(tokens), expected)


@pytest.mark.parametrize(("causal", "reached"), [(True, range(5, 12)), (False, range(8, 15))])
def test_a_layer_sees_no_farther_than_its_convolutions(causal: bool, reached: range) -> None:
    tokens = hidden(20).requires_grad_()
    (gradient,) = torch.autograd.grad(build(causal)(tokens)[:, 11].square().sum(), tokens)
    assert (gradient.abs().amax((0, 2)) > 0).nonzero().flatten().tolist() == list(reached)


def test_hadamard_goes_on_after_the_cache_was_cropped() -> None:
    attention, cache = build(), LayerCache()
    with torch.no_grad():
        expected = attention(hidden())
        attention(torch.cat([hidden()[:, :6], -hidden()[:, 6:9]], 1), cache=cache)
        cache.crop(6)
        torch.testing.assert_close(attention(hidden()[:, 6:], cache=cache), expected[:, 6:])


def test_an_evaluation_measures_no_weights_where_there_are_none() -> None:
    model = Decoder(DecoderConfig(5, dim=16, heads=4, mechanism="hadamard")).eval()
    with torch.no_grad(), Watch(model) as watch:
        model(torch.randint(5, (3, 9)))
        watch.take()
        assert watch.heaviest() is None
    layer, *_ = watch.result()
    assert math.isnan(layer.dispersion.entropy)
    assert layer.spread.deviation > 0


def test_the_width_is_halved_twice() -> None:
    with pytest.raises(InputError, match="multiple of 4, got 18"):
        Attention(18, 2, mechanism="hadamard")
