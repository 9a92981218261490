"""What every mechanism promises, whatever it is made of."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.fresh import python
from torch import Tensor

from lengthwise import Attention
from lengthwise.attention.cache import LayerCache
from lengthwise.attention.weights import WEIGHTS
from lengthwise.errors import InputError
from lengthwise.testing import Check

BATCH, TOKENS = 3, 150
Build = Callable[..., Attention]


def test_a_promise_is_kept(check: Check) -> None:
    """The checks are those that are given to users."""
    check()


def test_causal_only_is_refused(attention: Attention, build: Build) -> None:
    if not attention.weights.traits.bidirectional:
        with pytest.raises(InputError, match="supports only causal attention"):
            build(attention.mechanism, causal=False)


@pytest.mark.parametrize("mechanism", [name for name in WEIGHTS if not WEIGHTS.load(name).traits.causal])
def test_encoders_only_is_refused(mechanism: str) -> None:
    with pytest.raises(InputError, match="for encoders"):
        Attention(32, heads=4, mechanism=mechanism)


def test_sizes_are_whole_numbers(tmp_path: Path) -> None:
    wrong = {
        (15, 2, 1): "multiple of heads",
        (16, 0, 1): "heads must be at least 1",
        (16, 4, 3): "multiple of kv_heads",
    }
    for (dim, heads, kv_heads), told in wrong.items():
        with pytest.raises(InputError, match=told):
            Attention(dim, heads, kv_heads)
    # The types are checked before this code where the tests check all types.
    program = (
        "from lengthwise import Attention\ntry:\n    Attention(16.0, 2)\nexcept ValueError as error:\n    print(error)"
    )
    assert python(tmp_path, "-c", program) == "dim must be a whole number; got 16.0.\n"


def test_a_cache_serves_causal_attention(build: Build, hidden: Tensor) -> None:
    with torch.no_grad(), pytest.raises(InputError, match="reads a sequence at once"):
        build("softmax", causal=False)(hidden, cache=LayerCache())


def test_cache_refuses_what_it_cannot_hold(attention: Attention, hidden: Tensor) -> None:
    cache = LayerCache()
    with pytest.raises(InputError, match="inference"):
        attention(hidden, cache=cache)
    with torch.no_grad():
        attention(hidden, cache=cache)
        with pytest.raises(InputError, match="3 sequences"):
            attention(hidden[:1], cache=cache)
        with pytest.raises(InputError, match="every call or with none"):
            attention(hidden, cache=cache, document_ids=torch.zeros(BATCH, TOKENS, dtype=torch.long))
    with pytest.raises(InputError, match="dim 32"):
        attention(hidden[..., :-1])
    with pytest.raises(InputError, match="positions must be"):
        attention(hidden, positions=torch.arange(TOKENS - 1)[None])
    with pytest.raises((InputError, TypeError), match="positions"):
        attention(hidden, positions=torch.arange(TOKENS)[None].float())
    with pytest.raises(InputError, match="document_ids"):
        attention(hidden, document_ids=torch.zeros(BATCH, TOKENS - 1, dtype=torch.long))
