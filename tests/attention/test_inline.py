"""InLine attention: its local branch against plain loops, and the property that gives it its name."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from lengthwise import Attention
from lengthwise.attention.cache import LayerCache
from lengthwise.attention.call import Call
from lengthwise.attention.layout import Layout
from lengthwise.attention.neighbours import neighbours
from lengthwise.attention.parts import Sizes
from lengthwise.attention.weights import WEIGHTS

LENGTHS = (5, 1, 7)
DOCUMENTS = torch.repeat_interleave(torch.arange(3), torch.tensor(LENGTHS)).expand(2, -1)


def hidden() -> Tensor:
    return torch.randn(2, 13, 16, generator=torch.Generator().manual_seed(1)).double()


def local(attention: Attention, tokens: Tensor) -> Tensor:
    """The local branch over one document, by loops."""
    values = attention.value(tokens).unflatten(-1, (2, 4)).repeat_interleave(2, 2)
    added = torch.zeros_like(values)
    number = tokens.shape[1]
    for i in range(number):
        seen = tokens[:, : i + 1] if attention.causal else tokens
        kernel = attention.weights.kernel(seen.mean(1)[..., None]).reshape(2, 4, 4, 3)
        for tap in range(3):
            j = i + tap - (2 if attention.causal else 1)
            if 0 <= j < number:
                added[:, i] += kernel[..., tap] * values[:, j]
    return attention.project.matrix(added.flatten(2))


@pytest.mark.parametrize("causal", [True, False])
def test_the_local_branch_is_a_convolution_made_from_the_mean(causal: bool) -> None:
    torch.manual_seed(0)
    attention = Attention(16, 4, 2, "inline-local", causal=causal).double()
    plain = Attention(16, 4, 2, "inline", causal=causal).double()
    plain.load_state_dict({name: x for name, x in attention.state_dict().items() if "kernel" not in name})
    expected = torch.cat([local(attention, document) for document in hidden().split(LENGTHS, 1)], 1)
    added = attention(hidden(), document_ids=DOCUMENTS) - plain(hidden(), document_ids=DOCUMENTS)
    torch.testing.assert_close(added, expected)
    assert expected.abs().max() > 1e-2


def test_the_local_branch_goes_on_after_the_cache_was_cropped() -> None:
    torch.manual_seed(0)
    attention, cache = Attention(16, 4, 2, "inline-local").double(), LayerCache()
    with torch.no_grad():
        expected = attention(hidden())
        attention(torch.cat([hidden()[:, :6], -hidden()[:, 6:9]], 1), cache=cache)
        cache.crop(6)
        torch.testing.assert_close(attention(hidden()[:, 6:], cache=cache), expected[:, 6:])


@pytest.mark.parametrize("causal", [True, False])
def test_neighbours_are_those_of_the_same_document(causal: bool) -> None:
    layout = Layout(13, 13, DOCUMENTS.device, DOCUMENTS, causal=causal)
    values = torch.arange(1, 14).double().expand(2, -1)[..., None]
    windows = neighbours(values, layout, 5)[0, :, 0]
    first = 4 if causal else 2
    for i in range(13):
        for tap in range(5):
            j = i + tap - first
            same = 0 <= j < 13 and DOCUMENTS[0, j] == DOCUMENTS[0, i]
            assert windows[i, tap] == (j + 1 if same else 0)


def agree(name: str, phi: Callable[[Tensor], Tensor], **options: Any) -> float:
    """The share of pairs of a query and a multiple of it whose weights agree to 1e-3."""
    torch.manual_seed(0)
    part = WEIGHTS.load(name)(Sizes(8, 1, 1, 8), **options).double()
    query, key = torch.randn(500, 1, 1, 8).double(), torch.randn(500, 1, 6, 8).double()
    multiple = 2 + 3 * torch.rand(500, 1, 1, 1).double()
    layout = Layout(1, 6, query.device)
    calls = [Call(query[:, 0], phi(each), phi(key), key, layout) for each in (query, multiple * query)]
    one, other = (part.probabilities(call) for call in calls)
    return ((one - other).abs().amax(-1) < 1e-3).double().mean().item()


def test_a_query_and_its_multiple_have_other_weights() -> None:
    """Linear attention by the features of relu gives both the same weights; InLine attention is injective."""
    assert agree("fixation", torch.relu, gate="none") == 1
    assert agree("inline", lambda vectors: vectors) == 0
    assert agree("softmax", lambda vectors: vectors) == 0
