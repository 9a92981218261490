"""A swapped model is saved and comes back with the same bits, or not at all."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.pretrained.families import KINDS, tiny, tokens
from transformers import AutoModelForCausalLM

from lengthwise.errors import InputError
from lengthwise.pretrained import load_swapped, swap
from lengthwise.pretrained.source import find

WEIGHTS = "model.safetensors"


def logits(model: Any) -> Any:
    """Logits of a copy, whose weights begin at multiples of 64 bytes: products of other places can differ in a bit."""
    return copy.deepcopy(model)(tokens()).logits


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., tuple[Any, Path]]:
    """A swapped model whose new parameters are not what they begin as, and its folder."""

    def save(kind: str = "llama", **layers: Any) -> tuple[Any, Path]:
        model = tiny(kind)
        for mechanism, numbers in (layers or {"threshold-relative": None}).items():
            for each in swap(model, mechanism, layers=numbers).mechanisms:
                for parameter in each.parameters():
                    parameter.data.add_(torch.randn_like(parameter) / 4)
        model.save_pretrained(tmp_path / "swapped")
        return model, tmp_path / "swapped"

    return save


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bits(saved: Callable[..., tuple[Any, Path]], kind: str, tmp_path: Path) -> None:
    model, folder = saved(kind, **{"threshold-relative": [0, -1], "softmax+kerple+rms-norm": [1]})
    for loads in (AutoModelForCausalLM, type(model)):
        with pytest.raises(ValueError, match=r"lengthwise\.pretrained\.load_swapped"):
            loads.from_pretrained(folder)
    twin = load_swapped(folder)
    assert type(twin) is type(model)
    assert not twin.training
    assert torch.equal(logits(twin), logits(model))
    twin.save_pretrained(tmp_path / "again")
    again = load_swapped(tmp_path / "again", dtype="bfloat16")
    assert {parameter.dtype for parameter in again.parameters()} == {torch.bfloat16}
    assert set(again.state_dict()) == set(model.state_dict())


def test_an_undone_swap_is_not_recorded_in_a_copy_of_the_configuration(tmp_path: Path) -> None:
    model = tiny("llama")
    first, second = (swap(model, "stick-breaking", layers=[layer]) for layer in (0, 1))
    shared, model.config = model.config, copy.deepcopy(model.config)
    first.undo()
    model.save_pretrained(tmp_path)
    assert torch.equal(logits(load_swapped(tmp_path)), logits(model))
    second.undo()
    assert "lengthwise_swaps" not in shared.to_dict()
    model.save_pretrained(tmp_path)
    assert torch.equal(logits(AutoModelForCausalLM.from_pretrained(tmp_path)), logits(model))


def test_several_files_and_a_reach(tmp_path: Path) -> None:
    model = tiny("llama")
    swap(model, "scalable-softmax+yarn", reach=256)
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len([*tmp_path.glob("*.safetensors")]) > 1
    assert torch.equal(logits(load_swapped(tmp_path)), logits(model))


def test_a_classifier(tmp_path: Path) -> None:
    from transformers import Qwen2ForSequenceClassification

    model = Qwen2ForSequenceClassification(tiny("qwen2").config).eval()
    own = model(tokens()).logits
    with swap(model, "stick-breaking"):
        model.save_pretrained(tmp_path)
        twin = load_swapped(tmp_path)
        assert type(twin) is Qwen2ForSequenceClassification
        assert torch.equal(logits(twin), logits(model))
        assert not torch.equal(logits(model), own)
    assert torch.equal(model(tokens()).logits, own)


def test_the_probe_loads_it(tokenizer: Callable[[str], Any], tmp_path: Path) -> None:
    model = tiny("llama")
    swap(model, "stick-breaking")
    model.save_pretrained(tmp_path)
    tokenizer("llama").save_pretrained(tmp_path)
    found = find(str(tmp_path)).load("float64", "cpu")
    assert torch.equal(logits(found), logits(model))


def test_folders_that_are_refused(saved: Callable[..., tuple[Any, Path]], tmp_path: Path) -> None:
    _, folder = saved()
    weights, config = load_file(folder / WEIGHTS), json.loads((folder / "config.json").read_text(encoding="utf-8"))
    gate = "model.layers.1.self_attn.mechanism.weights.forget.bias"

    def refused(sentence: str) -> None:
        with pytest.raises(InputError, match=sentence):
            load_swapped(folder)

    def write(**changed: Any) -> None:
        save_file(weights | changed, folder / WEIGHTS, metadata={"format": "pt"})

    del weights[gate]
    write()
    refused(f"does not hold the weights of a LlamaForCausalLM with swapped attention: {gate} is missing")
    weights[gate] = torch.zeros(3, dtype=torch.float64, device="cpu")
    write()
    refused(f"{gate} has another shape")
    weights[gate] = torch.zeros(4, dtype=torch.float64, device="cpu")
    write(strange=torch.zeros(4, dtype=torch.float64, device="cpu"))
    refused("strange is not known here")
    write()
    load_swapped(folder)
    other = config | {"lengthwise_swaps": [{"mechanism": "scalable-softmax", "layers": [0, 1, 2], "reach": None}]}
    (folder / "config.json").write_text(json.dumps(other), encoding="utf-8")
    refused("mechanism.weights.scale and 2 more is missing")
    unknown = config | {"lengthwise_swaps": [{"mechanism": "softmaks", "layers": [0, 1, 2], "reach": None}]}
    (folder / "config.json").write_text(json.dumps(unknown), encoding="utf-8")
    refused("did you mean 'softmax'")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:2000])
    refused("Cannot load .*swapped: ")
    (folder / WEIGHTS).unlink()
    refused("Cannot load .*swapped: ")
    (folder / "config.json").unlink()
    refused("Cannot load .*swapped: ")
    with pytest.raises(InputError, match=r"Cannot load .*nowhere: there is no such folder"):
        load_swapped(tmp_path / "nowhere")
    tiny("llama").save_pretrained(tmp_path / "plain")
    with pytest.raises(InputError, match="saved without swapped attention; load it by transformers'"):
        load_swapped(tmp_path / "plain")
