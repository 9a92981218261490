"""Output parts in other people's models: in their place, trained and saved with them, and gone without a trace."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import layer_norm

from lengthwise import outputs
from lengthwise.errors import InputError

Build = Callable[..., Any]
TOKENS = torch.arange(20)[None] + 5


@pytest.mark.parametrize("kind", ["llama", "gpt2", "bert"])
@pytest.mark.parametrize("part", ["standardise", "standardise[eps=0.1]@heads", "standardise@projected"])
def test_in_its_place(build: Build, kind: str, part: str) -> None:
    model = build(kind)
    before = model(TOKENS).logits
    name = {"llama": "o_proj", "gpt2": "c_proj", "bert": "attention.output.dense"}[kind]
    projections = [module for path, module in model.named_modules() if path.endswith(name) and "mlp" not in path]

    def by_hand(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        heads = inputs[0].unflatten(-1, (4, 8) if part.endswith("heads") else (1, 32))
        return (layer_norm(heads, heads.shape[-1:], eps=0.1 if "eps" in part else 1e-5).flatten(-2),)

    def behind(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
        return layer_norm(output, output.shape[-1:])

    with outputs.insert(model, part) as insertion:
        assert len(insertion.parts) == len(projections)
        inserted = model(TOKENS).logits
    projected = part.endswith("projected")
    hooks = [
        p.register_forward_hook(behind) if projected else p.register_forward_pre_hook(by_hand) for p in projections
    ]
    expected = model(TOKENS).logits
    for hook in hooks:
        hook.remove()
    torch.testing.assert_close(inserted, expected)
    assert (inserted - before).abs().max() > 1e-3
    assert torch.equal(model(TOKENS).logits, before)


def test_chosen_layers_and_what_the_model_learns(build: Build) -> None:
    model = build("llama")
    names, state = set(dict(model.named_parameters())), set(model.state_dict())
    insertion = outputs.insert(model, "layer-norm@heads", layers=[0, 2, -1])
    assert len(insertion.parts) == 2
    new = {
        f"model.layers.{layer}.self_attn.o_proj.output_part.{what}" for layer in (0, 2) for what in ("scale", "shift")
    }
    assert set(dict(model.named_parameters())) - names == new
    assert set(model.state_dict()) - state == new
    assert insertion.parts[0].get_parameter("scale").shape == (4, 8)

    model(TOKENS, labels=TOKENS).loss.backward()
    assert all(model.get_parameter(name).grad.abs().sum() > 0 for name in new)
    model.to(torch.bfloat16)
    assert all(model.get_parameter(name).dtype == torch.bfloat16 for name in new)
    other = outputs.insert(build("llama").to(torch.bfloat16), "layer-norm@heads", layers=[0])
    assert other.parts[0].get_parameter("scale").dtype == torch.bfloat16  # it follows its layer

    insertion.remove()
    insertion.remove()
    assert set(dict(model.named_parameters())) == names


def test_a_copy_has_parts_of_its_own(build: Build) -> None:
    model = build("llama")
    outputs.insert(model, "scale")
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.model.layers[0].self_attn.o_proj.output_part.scale.zero_()
    assert not torch.equal(model(TOKENS).logits, twin(TOKENS).logits)
    twin.load_state_dict(model.state_dict())
    assert torch.equal(model(TOKENS).logits, twin(TOKENS).logits)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "bert", "encoder"])
def test_a_saved_model_comes_back_with_its_parts_or_not_at_all(build: Build, tmp_path: Path, kind: str) -> None:
    from transformers import AutoModel

    model = build(kind)
    configuration = model.config.to_dict()
    insertions = [
        outputs.insert(model, "scale@heads", layers=[0]),
        outputs.insert(model, "layer-norm[eps=0.1]", layers=[-1]),
    ]
    with torch.no_grad():
        insertions[0].parts[0].get_parameter("scale").uniform_()
    model.save_pretrained(tmp_path / "inserted")
    for loads in (AutoModel, type(model)):
        with pytest.raises(ValueError, match=r"lengthwise\.outputs\.load"):
            loads.from_pretrained(tmp_path / "inserted")
    twin = outputs.load(tmp_path / "inserted").eval()
    assert type(twin) is type(model)
    assert torch.equal(twin(TOKENS)[0], model(TOKENS)[0])
    twin.save_pretrained(tmp_path / "again")  # and what is loaded is saved alike
    again = outputs.load(tmp_path / "again", dtype="bfloat16", local_files_only=True)
    assert set(again.state_dict()) == set(model.state_dict())
    assert again.dtype == torch.bfloat16
    assert copy.deepcopy(twin).config.to_dict() == twin.config.to_dict()

    for insertion in insertions:
        insertion.remove()
    written = model.config.to_dict()
    assert {name: value for name, value in written.items() if name not in ("architectures", "dtype")} == {
        name: value for name, value in configuration.items() if name not in ("architectures", "dtype")
    }
    model.save_pretrained(tmp_path / "plain")
    assert torch.equal(type(model).from_pretrained(tmp_path / "plain")(TOKENS)[0], model(TOKENS)[0])
    with pytest.raises(InputError, match="saved without inserted output parts; load it by transformers'"):
        outputs.load(tmp_path / "plain")


@pytest.mark.parametrize("batch_first", [True, False])
def test_torch_hides_what_goes_into_its_projection(batch_first: bool) -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=batch_first).eval()
    x = torch.randn(3, 5, 8)
    attended = layer.self_attn(x, x, x)[0]
    with outputs.insert(layer, "standardise@projected"), torch.no_grad():
        torch.testing.assert_close(layer.self_attn(x, x, x)[0], layer_norm(attended, (8,)))
        inserted = layer(x)  # nor does the fast path of torch leave it out
    assert not torch.allclose(layer(x), inserted)
    with pytest.raises(InputError, match="self_attn hides the input of its output projection"):
        outputs.insert(layer, "layer-norm")


def test_torch_does_not_pack_what_a_part_is_to_read() -> None:
    torch.manual_seed(0)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).eval()
    x, hidden = torch.randn(3, 6, 8), torch.arange(6)[None] >= torch.tensor([[4], [6], [6]])
    with outputs.insert(encoder, "standardise@projected"), torch.no_grad():
        read = encoder(x, src_key_padding_mask=hidden)
        torch.testing.assert_close(read[1:], encoder(x)[1:])
        torch.testing.assert_close(read[0, :4], encoder(x[:1, :4])[0])
    assert encoder.use_nested_tensor


def test_one_sentence(build: Build, plain: Build) -> None:
    model = build("llama")
    for arguments, sentence in [
        (("layr-norm",), "did you mean 'layer-norm'"),
        (("rope",), "There is no output part called 'rope'"),
        (("layer-norm[esp=1]",), "There is no option of layer-norm called 'esp'; did you mean 'eps'"),
        (("layer-norm@head",), "did you mean 'heads'"),
    ]:
        with pytest.raises(InputError, match=sentence):
            outputs.insert(model, *arguments)
    with pytest.raises(InputError, match="no attention layer 3: the model has 3, counted from 0"):
        outputs.insert(model, layers=[0, 3])
    with pytest.raises(InputError, match="has no attention that can be found"):
        outputs.insert(nn.Linear(3, 3))
    with pytest.raises(InputError, match="0 does not name its number of heads"):
        outputs.insert(plain(2), "layer-norm@heads")
    with outputs.insert(model, layers=[1]), pytest.raises(InputError, match=r"layers\.1\.self_attn has an output part"):
        outputs.insert(model, "scale")
    assert not any("output_part" in name for name in model.state_dict())  # not even in the layers that could
