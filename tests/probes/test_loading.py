"""Finding a model: what it was made for, and everything that can be wrong with it in one sentence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lengthwise import outputs
from lengthwise.errors import InputError
from lengthwise.pretrained.source import Source
from lengthwise.pretrained.source import find as find_source
from lengthwise.probes import run
from lengthwise.probes.config import ProbeConfig
from lengthwise.probes.lengths import lengths as lengths_of
from lengthwise.probes.results import Findings

Saved = Callable[[str], Path]


def _config(model: object, **changes: Any) -> ProbeConfig:
    return ProbeConfig.read({"model": str(model)} | changes)


def find(model: object) -> Source:
    return find_source(str(model))


@pytest.mark.parametrize(
    ("kind", "name", "causal"),
    [
        ("llama", "LlamaForCausalLM", True),
        ("gpt2", "GPT2LMHeadModel", True),
        ("bert", "BertForMaskedLM", False),
        ("encoder", "BertModel", False),
    ],
)
def test_a_model_comes_as_it_was_saved(saved: Saved, kind: str, name: str, causal: bool) -> None:
    source = find(saved(kind))
    assert (source.positions, source.causal) == (64, causal)
    assert type(source.load("bfloat16", "cpu")).__name__ == name
    assert lengths_of(source, _config("tiny")) == (64,)


def test_a_model_comes_with_the_output_parts_it_was_saved_with(
    build: Callable[[str], Any], tokenizer: Callable[[str], Any], tmp_path: Path
) -> None:
    model = build("gpt2").float()
    outputs.insert(model, "rms-norm")
    model.save_pretrained(tmp_path)
    tokenizer("gpt2").save_pretrained(tmp_path)
    found = find(tmp_path).load("float32", "cpu")
    tokens = torch.arange(5, 15)[None]
    assert torch.equal(found(tokens).logits, model(tokens).logits)


def test_lengths_beyond_the_positions(saved: Saved) -> None:
    lengths = {"lengths": [32, 128]}
    rotary, learned = find(saved("llama")), find(saved("gpt2"))
    with pytest.raises(
        InputError,
        match="made for 64 positions, and a length of 128 exceeds them; give a shorter length",
    ):
        lengths_of(rotary, _config("tiny", **lengths))
    assert lengths_of(rotary, _config("tiny", **lengths, beyond=True)) == (32, 128)
    for beyond in (False, True):
        with pytest.raises(InputError, match="has learned positions for 64 tokens and none beyond"):
            lengths_of(learned, _config("tiny", **lengths, beyond=beyond))


def test_default_lengths_double(saved: Saved) -> None:
    source = find(saved("llama"))
    for positions, expected in [(8192, (64, 128, 256, 512, 1024, 2048, 4096)), (514, (64, 128, 256, 512)), (20, (20,))]:
        source.config.max_position_embeddings = positions
        assert lengths_of(source, _config("tiny")) == expected


SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
VISION = SIZES | {"image_size": 16, "patch_size": 8}


def _probed(model: Any, tokenizer: Callable[[str], Any], folder: Path, length: int) -> Findings:
    """A folder of a model, measured."""
    model.save_pretrained(folder)
    tokenizer("gpt2").save_pretrained(folder)
    loaded, windows, findings = run.begin(_config(folder, tokens="random", windows=2, lengths=[8, length]))
    run.measure(loaded, windows, findings)
    return findings


def test_positions_that_are_kept_for_padding_do_not_count(tokenizer: Callable[[str], Any], tmp_path: Path) -> None:
    from transformers import RobertaConfig, RobertaForMaskedLM

    torch.manual_seed(0)
    model = RobertaForMaskedLM(RobertaConfig(**SIZES, vocab_size=65, max_position_embeddings=66))
    assert _probed(model, tokenizer, tmp_path, 64).model["positions"] == 64
    with pytest.raises(InputError, match="has learned positions for 64 tokens and none beyond; it can never read 66"):
        lengths_of(find(tmp_path), _config("tiny", lengths=[66]))


def test_an_image_model_reads_text(tokenizer: Callable[[str], Any], tmp_path: Path) -> None:
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    text = LlamaConfig(**SIZES, vocab_size=65, max_position_embeddings=64)
    config = LlavaConfig(text_config=text, vision_config=CLIPVisionConfig(**VISION), image_token_index=64)
    findings = _probed(LlavaForConditionalGeneration(config), tokenizer, tmp_path, 16)
    assert (findings.causal, findings.model["positions"], findings.notes) == (True, 64, [])
    assert len(findings.layers()) == 2  # those that read text
    assert findings.perplexity()


def test_encoders_inside_larger_models(tokenizer: Callable[[str], Any], tmp_path: Path) -> None:
    from transformers import CLIPConfig, CLIPModel, CLIPTextModel, T5Config, T5EncoderModel

    torch.manual_seed(0)
    t5 = T5Config(vocab_size=65, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4)
    encoder = T5EncoderModel(t5)
    encoder.config.is_encoder_decoder = True  # as in folders that were made of a whole one
    assert len(_probed(encoder, tokenizer, tmp_path / "t5", 16).layers()) == 2
    text = SIZES | {"vocab_size": 65, "max_position_embeddings": 64, "projection_dim": 16}
    clip = CLIPConfig(text_config=text, vision_config=VISION | {"projection_dim": 16})
    for name, model in {"clip": CLIPModel(clip), "text": CLIPTextModel(clip.text_config)}.items():
        findings = _probed(model, tokenizer, tmp_path / name, 16)
        assert (findings.model["class"], findings.model["positions"]) == ("CLIPTextModel", 64)
        assert len(findings.layers()) == 2


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"model_type": "t5", "is_encoder_decoder": True}, "is an encoder-decoder model"),
        ({"model_type": "odd", "auto_map": {"AutoConfig": "odd.Odd"}}, "runs no code that comes with a model"),
        ({"model_type": "odd"}, "does not recognize this architecture"),
        ({"model_type": "llama"}, "Cannot load the tokenizer of"),
        ("{", "Cannot load"),
    ],
)
def test_folders_in_one_sentence(tmp_path: Path, config: Any, sentence: str) -> None:
    (tmp_path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config), encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        find(tmp_path)


def test_a_damaged_model(saved: Saved, tmp_path: Path) -> None:
    for file in saved("gpt2").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(InputError, match="Cannot load "):
        find(tmp_path).load("float32", "cpu")


def test_models_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no saved model"):
        find(tmp_path)
    with pytest.raises(InputError, match=r"There is no file .*missing\.gguf"):
        find(tmp_path / "missing.gguf")
    (tmp_path / "no.gguf").write_text("no", encoding="utf-8")
    with pytest.raises(InputError, match=r"Cannot load .*no\.gguf: .*not a GGUF file"):
        find(tmp_path / "no.gguf")
    with pytest.raises(InputError, match="no model on this machine; lengthwise probe --download fetches it"):
        find("nobody/has-this")
    with pytest.raises(InputError, match="Cannot load a name with spaces: "):
        find("a name with spaces")
