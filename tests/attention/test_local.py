"""Local attention: which keys a query attends to, against the rules of arXiv 2506.14095 in plain loops."""

from collections.abc import Callable

import pytest
import torch

from lengthwise import Attention
from lengthwise.attention.call import Call
from lengthwise.attention.layout import Layout
from lengthwise.attention.parts import Sizes
from lengthwise.attention.weights import WEIGHTS


def attended(name: str, tokens: int, n: int, global_tokens: int, *, causal: bool) -> list[list[int]]:
    """The keys of each query."""
    part = WEIGHTS.load(name)(Sizes(4, 1, 1, 4), n=n, global_tokens=global_tokens)
    vectors = torch.randn(1, 1, tokens, 4, dtype=torch.double)
    layout = Layout(tokens, tokens, vectors.device, causal=causal)
    weights = part.probabilities(Call(vectors[:, 0], vectors, vectors, vectors, layout))[0, 0]
    return [row.nonzero()[:, 0].tolist() for row in weights]


def band(i: int, tokens: int, n: int, *, causal: bool) -> range:
    """The band of a query: shifted until no key is beyond an end, if there are n keys at all."""
    first = i - (n - 1) // 2
    end = i + 1 if causal else tokens
    while first + n > end:
        first -= 1
    while first < 0:
        first += 1
    return range(first, min(first + n, end))


def block(i: int, tokens: int, n: int, *, causal: bool) -> range:
    """The block of a query."""
    first = i - i % n
    return range(first, i + 1 if causal else min(first + n, tokens))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("global_tokens", [0, 1, 3])
@pytest.mark.parametrize("n", [1, 4, 5, 20])
@pytest.mark.parametrize(("name", "near"), [("banded", band), ("block-local", block)])
def test_a_query_attends_to_near_and_to_global_tokens(
    name: str, near: Callable[..., range], n: int, global_tokens: int, causal: bool
) -> None:
    tokens, others = 12, 12 - global_tokens
    expected = []
    for query in range(tokens):
        seen = range(query + 1 if causal else tokens)
        local = near(query - global_tokens, others, n, causal=causal) if query >= global_tokens else range(others)
        keys = {*range(global_tokens), *(key + global_tokens for key in local)}
        expected.append([key for key in seen if key in keys])
    assert attended(name, tokens, n, global_tokens, causal=causal) == expected


def test_a_band_is_shifted_inwards_at_the_ends() -> None:
    rows = attended("banded", 7, 4, 0, causal=False)
    assert rows == [[0, 1, 2, 3]] * 2 + [[1, 2, 3, 4], [2, 3, 4, 5]] + [[3, 4, 5, 6]] * 3
    assert attended("banded", 4, 3, 0, causal=True) == [[0], [0, 1], [0, 1, 2], [1, 2, 3]]
    assert attended("block-local", 5, 3, 0, causal=False) == [[0, 1, 2]] * 3 + [[3, 4]] * 2


@pytest.mark.parametrize("name", ["banded", "block-local"])
def test_documents_have_their_own_ends(name: str) -> None:
    part = WEIGHTS.load(name)(Sizes(4, 1, 1, 4), n=3, global_tokens=1)
    vectors = torch.randn(1, 1, 11, 4, dtype=torch.double)
    documents = torch.tensor([[0] * 4 + [5] * 7])
    packed = Layout(11, 11, vectors.device, documents, causal=False)
    weights = part.probabilities(Call(vectors[:, 0], vectors, vectors, vectors, packed))[0, 0]
    apart = [attended(name, tokens, 3, 1, causal=False) for tokens in (4, 7)]
    expected = [*apart[0], *([key + 4 for key in row] for row in apart[1])]
    assert [row.nonzero()[:, 0].tolist() for row in weights] == expected


def test_a_block_reads_no_other_block() -> None:
    attention = Attention(32, heads=2, mechanism="block-local[n=64]")
    hidden = torch.randn(1, 640, 32)
    expected = attention(hidden)
    hidden[:, :512] = torch.nan
    torch.testing.assert_close(attention(hidden)[:, 512:], expected[:, 512:])
