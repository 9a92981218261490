"""Cross-attention of several queries, and its reweighting by matchability."""

import pytest
import torch
from torch import Tensor

from lengthwise.attention import CrossAttention, MatchabilityAttention, Mechanism
from lengthwise.attention.matchability import matchability
from lengthwise.attention.parts import Sizes
from lengthwise.attention.weights import WEIGHTS

BOTH_WAYS = [name for name in WEIGHTS if (traits := WEIGHTS.load(name).traits).cross and traits.bidirectional]
ROW_BY_ROW = [name for name in BOTH_WAYS if WEIGHTS.load(name).traits.causal and name != "reguformer"]
"""A query's weights do not depend on other queries."""


def layer_of(kind: type[CrossAttention], mechanism: str = "softmax", backend: str = "auto") -> CrossAttention:
    torch.manual_seed(0)
    layer = kind(Sizes(16, 2, 2, 8), Mechanism.parse(mechanism), backend=backend).double().eval()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return layer


def sets(first: int, second: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    one, other = (
        torch.randn(3, items, 16, generator=generator, dtype=torch.float64, device="cpu") for items in (first, second)
    )
    return one, other


@pytest.mark.parametrize("queries", [5, 9, 20])
@pytest.mark.parametrize("mechanism", ROW_BY_ROW)
def test_several_queries_are_as_one_by_one(mechanism: str, queries: int) -> None:
    layer, (asking, read) = layer_of(CrossAttention, mechanism), sets(queries, 9)
    singles = torch.cat([layer(asking[:, one : one + 1], read) for one in range(queries)], 1)
    torch.testing.assert_close(layer(asking, read), singles, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("kind", [CrossAttention, MatchabilityAttention])
@pytest.mark.parametrize("mechanism", BOTH_WAYS)
def test_the_fast_way_gives_what_the_reference_gives(kind: type[CrossAttention], mechanism: str) -> None:
    fast, reference = (layer_of(kind, mechanism, backend) for backend in ("auto", "reference"))
    for asking, read in (sets(5, 9), sets(20, 9)):
        torch.testing.assert_close(fast(asking, read), reference(asking, read), rtol=1e-8, atol=1e-9)


def by_definition(layer: MatchabilityAttention, asking: Tensor, read: Tensor) -> Tensor:
    """The layer's result for one pair of sets, item by item."""
    similar = torch.tensor([[torch.cosine_similarity(a, b, dim=0) for b in read] for a in asking], dtype=torch.float64)
    first, second = similar.max(1).values, similar.max(0).values
    rows = []
    for index, item in enumerate(asking):
        heads = []
        for head in range(2):
            part = slice(8 * head, 8 * head + 8)
            query = layer.query.weight[part] @ item
            keys, values = (read @ of.weight[part].T for of in (layer.key, layer.value))
            scores = (keys @ query + layer.alpha * keys @ (query * first[index])) / 8**0.5
            heads.append(scores.softmax(0) @ (values * second[:, None]))
        rows.append(layer.project(torch.cat(heads).view(1, 2, 1, 8), item[None, None])[0, 0])
    return torch.stack(rows)


@pytest.mark.parametrize("sizes", [(1, 6), (5, 6), (6, 2)])
def test_reweighting_is_that_of_the_formula(sizes: tuple[int, int]) -> None:
    layer, (asking, read) = layer_of(MatchabilityAttention), sets(*sizes)
    assert isinstance(layer, MatchabilityAttention)
    wanted = torch.stack([by_definition(layer, *pair) for pair in zip(asking, read, strict=True)])
    torch.testing.assert_close(layer(asking, read), wanted, rtol=1e-9, atol=1e-9)
    layer(asking, read).sum().backward()
    assert layer.alpha.grad is not None
    assert layer.alpha.grad != 0


def test_matchability_is_the_largest_cosine() -> None:
    first = torch.tensor([[[2.0, 0.0], [0.0, 3.0]]])
    second = torch.tensor([[[0.0, 1.0], [3.0, 4.0], [-1.0, 0.0]]])
    of_first, of_second = matchability(first, second)
    torch.testing.assert_close(of_first, torch.tensor([[0.6, 1.0]]))
    torch.testing.assert_close(of_second, torch.tensor([[1.0, 0.8, 0.0]]))
