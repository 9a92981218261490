"""Reguformer against plain loops, and what its choices depend on."""

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from lengthwise import Attention
from lengthwise.attention.cache import LayerCache
from lengthwise.attention.call import Call
from lengthwise.attention.layout import Layout
from lengthwise.attention.parts import Sizes
from lengthwise.attention.weights.reguformer import Reguformer

TOKENS, FACTOR = 24, 1.5
PAIRS = [pair for pair in product(("all", "top", "random"), repeat=2) if pair != ("all", "all")]


def case(causal: bool, **options: Any) -> tuple[Reguformer, Call]:
    torch.manual_seed(0)
    part = Reguformer(Sizes(8, 2, 2, 4), factor=FACTOR, **options)
    query, key, value = torch.randn(3, 1, 2, TOKENS, 4).double()
    layout = Layout(TOKENS, TOKENS, query.device, causal=causal)
    return part, Call(torch.zeros(1, TOKENS, 8).double(), query, key, value, layout)


def measure(scores: Sequence[float], number: int) -> float:
    return max(scores) - sum(scores) / number


def best(measures: Sequence[float], number: int) -> list[int]:
    """The places of the largest measures, as many as are chosen among ``number``."""
    few = max(1, math.ceil(FACTOR * math.ceil(math.log(number))))
    return sorted(range(len(measures)), key=lambda place: -measures[place])[:few]


def by_hand(z: list[list[float]], causal: bool, queries: str, keys: str, drawn: Callable[[str], list[float]]) -> Tensor:
    """The weights of one head from its scores."""
    weights = torch.zeros(TOKENS, TOKENS).double()
    for i in range(TOKENS):
        number = i + 1 if causal else TOKENS
        seen = range(number)
        if queries == "top":
            of_queries = [
                measure(z[other][: other + 1 if causal else TOKENS], other + 1 if causal else TOKENS) for other in seen
            ]
        else:
            of_queries = drawn("queries")[:number]
        if queries != "all" and i not in best(of_queries, number):
            weights[i, :number] = 1 / number
            continue
        chosen = list(seen)
        if keys == "top":
            asked = [[z[other][j] for other in seen if not causal or other >= j] for j in seen]
            chosen = best([measure(scores, number) for scores in asked], number)
        elif keys == "random":
            chosen = best(drawn("keys")[:number], number)
        weights[i, chosen] = torch.tensor([z[i][j] for j in chosen]).double().softmax(-1)
    return weights


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("queries", "keys"), PAIRS)
def test_reguformer_by_hand(queries: str, keys: str, causal: bool) -> None:
    part, call = case(causal, queries=queries, keys=keys)
    weights = part.probabilities(call)[0]
    for head in range(2):
        expected = by_hand(
            call.products[0, head].tolist(),
            causal,
            queries,
            keys,
            lambda which: draws(which, head),  # noqa: B023
        )
        torch.testing.assert_close(weights[head], expected)
    torch.testing.assert_close(part(call)[0], weights @ call.value[0])


def draws(which: str, head: int) -> list[float]:
    """The hash of 32 bits, in plain integers."""
    numbers = []
    for index in range(TOKENS):
        bits = (index * 0x9E3779B1 + head * 0x85EBCA77 + (which == "queries") * 0xC2B2AE3D) % 2**32
        for factor in (0x7FEB352D, 0x846CA68B):
            bits = ((bits ^ (bits >> 16)) * factor) % 2**32
        numbers.append((bits ^ (bits >> 16)) / 2**32)
    return numbers


def test_random_choices_look_random() -> None:
    """Half of all pairs of neighbours ascend, and heads and layers choose differently."""
    chosen = []
    for layer in range(2):
        part = Reguformer(Sizes(8, 2, 2, 4, layer), queries="all", keys="random")
        query = torch.zeros(1, 2, 1, 4)
        call = Call(
            torch.zeros(1, 1, 8),
            query,
            torch.zeros(1, 2, 2000, 4),
            torch.zeros(1, 2, 2000, 4),
            Layout(1, 2000, query.device),
        )
        chosen += list(part.newest(call)[0, :, 0] > 0)
    assert [int(of.sum()) for of in chosen] == [40] * 4
    places = [of.nonzero().flatten().double() for of in chosen]
    assert all(700 < of.mean() < 1300 for of in places)
    overlaps = [int((one & other).sum()) for one, other in product(chosen, repeat=2) if one is not other]
    assert max(overlaps) < 8


def test_a_chosen_query_stays_chosen_whatever_follows() -> None:
    part, call = case(True)
    torch.testing.assert_close(part(call)[:, :, :10], part(call.rows(0, 10)))
    later = torch.cat([call.query[:, :, :10], 100 * call.query[:, :, 10:]], 2)
    changed = Call(call.hidden, later, call.key, call.value, call.layout)
    assert torch.equal(part(changed)[:, :, :10], part(call)[:, :, :10])


def test_equal_tokens_are_chosen_together() -> None:
    torch.manual_seed(0)
    attention = Attention(16, 2, mechanism="reguformer[keys=top,factor=1]", causal=False)
    kinds, places = torch.randn(4, 16), torch.randint(4, (1, 40))
    output = attention(kinds[places])
    for kind in range(4):
        of_kind = output[places == kind]
        torch.testing.assert_close(of_kind, of_kind[:1].expand_as(of_kind))


def test_reguformer_goes_on_after_the_cache_was_cropped() -> None:
    torch.manual_seed(0)
    attention, cache = Attention(16, 2, mechanism="reguformer[keys=top,factor=1]").double(), LayerCache()
    hidden = torch.randn(2, 30, 16).double()
    with torch.no_grad():
        expected = attention(hidden)
        attention(torch.cat([hidden[:, :15], -hidden[:, 15:20]], 1), cache=cache)
        cache.crop(15)
        torch.testing.assert_close(attention(hidden[:, 15:], cache=cache), expected[:, 15:])
