"""Tensors that hold no numbers: empty ones, and those on the meta device."""

from contextlib import nullcontext

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from lengthwise import ThresholdRelativeAttention, threshold_relative_attention
from lengthwise.errors import InputError


def leaves(sizes: tuple[int, int, int, int], dtype: torch.dtype = torch.float32, device: str = "cpu") -> list[Tensor]:
    """Of so many sequences, queries, keys and components of a head."""
    batch, queries, keys, head_dim = sizes
    shapes = (batch, 2, queries, head_dim), *[(batch, 2, keys, head_dim)] * 2, (batch, 2, queries)
    dtypes = dtype, dtype, dtype, torch.float32
    return [torch.zeros(s, dtype=d, device=device).requires_grad_() for s, d in zip(shapes, dtypes, strict=True)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("sizes", [(0, 3, 3, 4), (0, 2, 3, 4), (1, 0, 0, 4), (1, 0, 5, 4), (1, 3, 3, 0)])
def test_nothing_in_nothing_out(backend: str, sizes: tuple[int, int, int, int], dtype: torch.dtype) -> None:
    """And gradients of zeros for every argument, as torch's own attention gives them."""
    own, other = leaves(sizes, dtype), leaves(sizes, dtype)[:3]
    result = threshold_relative_attention(*own, backend=backend)
    assert (result.shape, result.dtype) == (own[0].shape, dtype)
    result.sum().backward()
    query, key, value = other
    scaled_dot_product_attention(query, key, value).sum().backward()
    for one, torchs in zip(own, other, strict=False):
        torch.testing.assert_close(one.grad, torchs.grad, rtol=0, atol=0)
    torch.testing.assert_close(own[3].grad, torch.zeros_like(own[3]), rtol=0, atol=0)


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("chosen", ["auto", "reference", "blockwise"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_shapes_and_dtypes_on_meta(chosen: str, dtype: torch.dtype, autocast: bool) -> None:
    tensors = leaves((2, 70, 80, 8), dtype, "meta")
    ids = torch.zeros(2, 80, dtype=torch.long, device="meta")
    with torch.autocast("cpu", torch.bfloat16) if autocast else nullcontext():
        output = threshold_relative_attention(*tensors, document_ids=ids, backend=chosen)
        first = torch.autograd.grad(output.sum(), tensors, create_graph=True)
        second = torch.autograd.grad([x.sum() for x in first], tensors)
    for results in (first, second):
        for result, tensor in zip(results, tensors, strict=True):
            assert (result.shape, result.dtype, result.is_meta) == (tensor.shape, tensor.dtype, True)
    assert (output.shape, output.dtype, output.is_meta) == (tensors[0].shape, dtype, True)


@pytest.mark.parametrize("chosen", ["native", "triton"])
def test_kernels_say_that_meta_is_not_theirs(chosen: str) -> None:
    with pytest.raises(InputError, match=r"(on meta|not installed|not compiled)"):
        threshold_relative_attention(*leaves((1, 3, 3, 4), device="meta"), backend=chosen)


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize(
    ("device", "shape"), [("meta", (2, 9, 16)), ("meta", (0, 9, 16)), ("cpu", (0, 9, 16)), ("cpu", (2, 0, 16))]
)
def test_a_layer_without_numbers(device: str, shape: tuple[int, ...], autocast: bool) -> None:
    with torch.device(device):
        layer, hidden = ThresholdRelativeAttention(16, 2), torch.empty(shape).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16) if autocast else nullcontext():
        output = layer(hidden)
    output.sum().backward()
    assert (output.shape, output.device.type) == (shape, device)
    assert hidden.grad.shape == shape
    for parameter in layer.parameters():
        assert parameter.grad.shape == parameter.shape
        assert device == "meta" or not parameter.grad.any()
