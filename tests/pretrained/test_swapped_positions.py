"""Attention between projections that rotate depends on distances alone, or a warning says that it does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.pretrained.families import KINDS, left_padded, tiny, tokens
from torch import Tensor
from transformers import AttentionInterface, DynamicCache

from lengthwise.attention.weights import WEIGHTS
from lengthwise.errors import InputError
from lengthwise.pretrained import Swap, load_swapped, swap
from lengthwise.pretrained.swapping import layer as layer_module
from lengthwise.pretrained.swapping.halves import in_whole_pairs
from lengthwise.pretrained.swapping.proof import moved
from lengthwise.pretrained.swapping.shift import ROUNDING

SWAPPABLE = [name for name in WEIGHTS if (of := WEIGHTS.load(name).traits).causal and of.maps == 1]
ABSOLUTE = ("t2r", "fixation", "hadamard")
"""They look at single components of queries and keys."""
HALVING = ("differential", "threshold-differential")


@contextmanager
def warning_of(name: str) -> Iterator[None]:
    """A warning for the mechanisms that see absolute positions; for the others, any warning is an error."""
    if name.split("[")[0] in ABSOLUTE:
        with pytest.warns(UserWarning, match="sees absolute positions in this model"):
            yield
    else:
        yield


def swapped_in(model: Any, name: str) -> Swap:
    with warning_of(name):
        return swap(model, name)


def shifted(model: Any, ids: Tensor) -> Tensor:
    """The logits with all positions shifted by 7."""
    places = torch.arange(7, 7 + ids.shape[1], dtype=torch.long, device="cpu")[None]
    return model(ids, attention_mask=torch.ones_like(ids), position_ids=places, use_cache=False).logits


@pytest.mark.parametrize("kind", ["llama", "gpt_neox"])
@pytest.mark.parametrize("name", [*SWAPPABLE, "fixation[neighbours=4]", "fixation[gate=none]"])
def test_a_shift_of_all_positions_and_padding_without_positions(name: str, kind: str) -> None:
    """The second family rotates half of each head."""
    model, (ids, mask) = tiny(kind), left_padded()
    found = swapped_in(model, name)
    with torch.no_grad():
        own = model(ids, use_cache=False).logits
        share = moved(shifted(model, ids), own)
        alone, cache = model(ids[1:, 4:], use_cache=False).logits[0], DynamicCache()
        padded = model(ids, attention_mask=mask, use_cache=False).logits[1, 4:]
        steps = [(0, 6), (6, 7), (7, 9)]
        read = [model(ids[:, a:b], attention_mask=mask[:, :b], past_key_values=cache).logits for a, b in steps]
    assert (share > ROUNDING) == (found.moved_by_shift > ROUNDING) == (name.split("[")[0] in ABSOLUTE)
    torch.testing.assert_close(padded, alone)
    torch.testing.assert_close(torch.cat(read, 1)[1, 4:], alone)


@pytest.mark.parametrize("name", ["softmax", "stick-breaking", "softmax+alibi"])
def test_a_sequence_may_begin_at_any_position(name: str) -> None:
    """Without a mask, too, as before a swap: where it begins matters to the model's own rotation alone."""
    model, ids, cache = tiny("llama"), tokens(), DynamicCache()
    places = torch.arange(5, 14, dtype=torch.long, device="cpu")[None]
    packed = torch.tensor([[5, 6, 7, 8, 0, 1, 2, 3, 4]], dtype=torch.long, device="cpu")
    own = [model(ids, position_ids=of, use_cache=False).logits for of in (places, packed)]
    swap(model, name)
    with torch.no_grad():
        found = [model(ids, position_ids=of, use_cache=False).logits for of in (places, packed)]
        read = [
            model(ids[:, a:b], position_ids=places[:, a:b], past_key_values=cache).logits for a, b in [(0, 6), (6, 9)]
        ]
        torch.testing.assert_close(torch.cat(read, 1), found[0])
        torch.testing.assert_close(
            found[0], model(ids, attention_mask=torch.ones_like(ids), position_ids=places).logits
        )
        torch.testing.assert_close(found[1][:, 4:], model(ids[:, 4:], use_cache=False).logits)
    if name == "softmax":
        torch.testing.assert_close(found, own)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", HALVING)
def test_halves_in_every_family(name: str, kind: str) -> None:
    model, ids = tiny(kind), tokens()
    swap(model, name)
    with torch.no_grad():
        assert moved(shifted(model, ids), model(ids, use_cache=False).logits) <= ROUNDING


@pytest.mark.parametrize("name", [*(f"{name}+nope" for name in (*ABSOLUTE, *HALVING)), "fixation+rope"])
def test_a_named_position_part_takes_the_rotation_away(name: str) -> None:
    model, ids = tiny("llama"), tokens()
    assert swap(model, name).moved_by_shift == 0
    torch.testing.assert_close(shifted(model, ids), model(ids, use_cache=False).logits)


WHOLE = {"llama": (0, 2, 4, 6, 1, 3, 5, 7), "gpt_neox": (0, 2, 4, 5, 1, 3, 6, 7), "phi": (0, 2, 4, 5, 1, 3, 6, 7)}
"""The components of a head in the order of the halves. Pairs are (0, 4), (1, 5), ... or, where 4 components rotate,
(0, 2) and (1, 3)."""


@pytest.mark.parametrize("kind", WHOLE)
def test_the_formula_of_halves(kind: str) -> None:
    """With keys that heads share, and with some components that are not rotated."""
    model, ids = tiny(kind), tokens()
    by_hand = tiny(kind)
    parts = [of.weights for of in swap(model, "differential").mechanisms]
    order = torch.tensor(WHOLE[kind], dtype=torch.long, device="cpu")

    def attend(module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Any, **others: Any) -> Any:
        part = parts[module.layer_idx]
        key, value = (of.repeat_interleave(query.shape[1] // key.shape[1], 1) for of in (key, value))
        scores = [
            (one @ other.mT / 4**0.5).masked_fill(torch.ones(9, 9, device="cpu").triu(1).bool(), -torch.inf)
            for one, other in zip(query[..., order].chunk(2, -1), key[..., order].chunk(2, -1), strict=True)
        ]
        attended = (scores[0].softmax(-1) - part.mixture() * scores[1].softmax(-1)) @ value
        size = (attended.square().mean(-1, keepdim=True) + 1e-5).rsqrt()
        return ((1 - part.at_first) * attended * size * part.scale).transpose(1, 2), None

    AttentionInterface.register("by-hand", attend)
    by_hand.config._attn_implementation = "by-hand"
    torch.testing.assert_close(model(ids).logits, by_hand(ids, use_cache=False).logits)


@pytest.mark.parametrize(("width", "turned"), [(8, 8), (8, 2), (8, 4), (8, 6), (10, 6), (6, 4), (64, 16), (96, 24)])
def test_each_half_holds_whole_pairs(width: int, turned: int) -> None:
    components = torch.arange(width, dtype=torch.float32, device="cpu")[None, None, None]
    found = in_whole_pairs(components, turned)[0, 0, 0].tolist()
    assert sorted(found) == [*range(width)]
    for half in (found[: width // 2], found[width // 2 :]):
        assert all((m in half) == (m + turned // 2 in half) for m in range(turned // 2))


@pytest.mark.parametrize("name", HALVING)
def test_heads_whose_halves_would_cut_a_pair(name: str) -> None:
    model = tiny("llama", head_dim=6)
    with pytest.raises(InputError, match=f"'{name}' was not swapped in: the model rotates .* would cut a pair"):
        swap(model, name)
    swap(model, f"{name}+nope")


@pytest.mark.parametrize("name", HALVING)
def test_halves_of_pairs_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_module, "in_whole_pairs", lambda vectors, turned: vectors)
    with pytest.raises(InputError, match=f"'{name}' was not swapped in: a shift of all positions changes outputs"):
        swap(tiny("llama"), name)


def test_counting_padding_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        layer_module, "counted", lambda mask, new: torch.arange(new, dtype=torch.long, device="cpu")[None]
    )
    with pytest.raises(InputError, match="padding on the left changes outputs where no position_ids are given"):
        swap(tiny("llama"), "t2r")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_the_warning(dtype: torch.dtype, tmp_path: Path) -> None:
    """What 16 bits round away is measured, too; and if warnings are errors, as here, the model is as before."""
    model, ids = tiny("llama").to(dtype), tokens()
    own = model(ids).logits
    for name in (*ABSOLUTE, "tests.pretrained.broken:SaysSo"):
        with pytest.raises(UserWarning, match=f"'{name}' sees absolute .* '{name}\\+nope'"):
            swap(model, name)
        assert torch.equal(model(ids).logits, own)
    swapped_in(model, "hadamard")
    model.save_pretrained(tmp_path)
    with warning_of("hadamard"):
        load_swapped(tmp_path)


def test_layers_without_rotation_see_no_positions() -> None:
    """One layer of three in SmolLM3."""
    model = tiny("smollm3")
    with swap(model, "t2r", layers=[1]) as swapped:
        assert swapped.moved_by_shift == 0
    swapped_in(model, "t2r")
