"""Saving and loading: safetensors, shards, tied weights, the folders of runs, and the weights of other models."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.huggingface.pairs import WORDS, Pair
from tests.huggingface.runs import RUN, finished
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from lengthwise import Decoder
from lengthwise.errors import InputError, RunError
from lengthwise.experiments.config import RunConfig
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.run import load_model
from lengthwise.huggingface import LengthwiseConfig, LengthwiseForCausalLM, LengthwiseModel

PAIR = Callable[..., Pair]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trained run of threshold-relative."""
    return finished(tmp_path_factory.mktemp("runs") / "run").path


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, pair: PAIR) -> Path:
    """The folder of a saved model of threshold-relative."""
    folder = tmp_path_factory.mktemp("saved")
    pair("threshold-relative")[1].save_pretrained(folder)
    return folder


@pytest.mark.parametrize("mechanism", ["threshold-relative", "softmax+learned+randomised", "softmax+calibrated"])
@pytest.mark.parametrize("tied", [False, True])
def test_saved_is_loaded(tied: bool, mechanism: str, pair: PAIR, tokens: Tensor, tmp_path: Path) -> None:
    """In several files; tied weights stand in one of them once, and are one after loading."""
    model = pair(mechanism, tied_head=tied)[1]
    model.save_pretrained(tmp_path, max_shard_size="8KB")
    shards = list(tmp_path.glob("*.safetensors"))
    assert len(shards) > 1
    assert any("lm_head.weight" in load_file(shard) for shard in shards) == (not tied)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert isinstance(again, LengthwiseForCausalLM)
    assert again.config.mechanism == mechanism
    assert (again.lm_head.weight is again.get_input_embeddings().weight) == tied
    held = model.state_dict()
    assert all(torch.equal(held[name], weight) for name, weight in again.state_dict().items())
    # The loaded weights may lie elsewhere in their lines of memory, where sums are taken in another order.
    torch.testing.assert_close(again(tokens).logits, model(tokens).logits)


def test_half_precision(saved: Path, tokens: Tensor) -> None:
    model = AutoModelForCausalLM.from_pretrained(saved, dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert model(tokens).logits.isfinite().all()


def test_other_heads_take_the_body(saved: Path, pair: PAIR, tokens: Tensor, tmp_path: Path) -> None:
    _, model = pair("threshold-relative")
    hidden = model(tokens, output_hidden_states=True).hidden_states[-1]
    body = AutoModel.from_pretrained(saved)
    assert isinstance(body, LengthwiseModel)
    torch.testing.assert_close(body(tokens).last_hidden_state, hidden)
    body.save_pretrained(tmp_path)
    for kind in (AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoModelForCausalLM):
        for folder in (saved, tmp_path):
            other = kind.from_pretrained(folder)
            torch.testing.assert_close(other(tokens[:1], output_hidden_states=True).hidden_states[-1], hidden[:1])


def rewritten(folder: Path, changed: Callable[[dict[str, Tensor]], object]) -> None:
    """Change the weights that a folder holds."""
    held = load_file(folder / "model.safetensors")
    changed(held)
    save_file(held, folder / "model.safetensors", {"format": "pt"})


def test_a_head_that_does_not_fit_is_refused_and_not_drawn_anew(saved: Path, tmp_path: Path) -> None:
    for kind in (AutoModelForSequenceClassification, AutoModelForTokenClassification):
        kind.from_pretrained(saved, num_labels=5).save_pretrained(tmp_path)
        for asked in ({"num_labels": 3}, {"config": LengthwiseConfig.from_pretrained(tmp_path, num_labels=3)}):
            with pytest.raises(InputError, match=r"score\..* has another shape; .* ignore_mismatched_sizes=True"):
                kind.from_pretrained(tmp_path, **asked)
            other = kind.from_pretrained(tmp_path, **asked, ignore_mismatched_sizes=True)
            assert other.score.weight.shape == (3, 16)


def test_a_head_that_is_missing_is_new_only_if_another_class_saved_the_weights(saved: Path, tmp_path: Path) -> None:
    classifier, speaker = tmp_path / "classifier", Path(shutil.copytree(saved, tmp_path / "speaker"))
    AutoModelForSequenceClassification.from_pretrained(saved).save_pretrained(classifier)
    AutoModelForCausalLM.from_pretrained(classifier)
    for kind, folder, name in (
        (AutoModelForSequenceClassification, classifier, "score.weight"),
        (AutoModelForCausalLM, speaker, "lm_head.weight"),
    ):
        rewritten(folder, lambda held, name=name: held.pop(name))  # type: ignore[misc]
        told = LengthwiseConfig.from_pretrained(folder).to_dict()
        given = LengthwiseConfig(**{name: value for name, value in told.items() if name != "architectures"})
        for asked in ({}, {"config": given}):
            with pytest.raises(InputError, match=f"{name} is missing"):
                kind.from_pretrained(folder, **asked)
        AutoModel.from_pretrained(folder)


def test_weights_of_another_model_are_refused(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'softmax\+rope': .*forget.bias and 3 more is not known here\.$"):
        AutoModelForCausalLM.from_pretrained(saved, mechanism="softmax+rope")
    with pytest.raises(InputError, match=r"'threshold-relative': .* and \d+ more has another shape; "):
        AutoModelForCausalLM.from_pretrained(saved, feed_forward_dim=24)
    with pytest.raises(InputError, match="did you mean 'rope'"):
        AutoModelForCausalLM.from_pretrained(saved, mechanism="softmax+rop")
    model = AutoModelForCausalLM.from_pretrained(saved, feed_forward_dim=24, ignore_mismatched_sizes=True)
    model.save_pretrained(tmp_path)
    rewritten(tmp_path, lambda held: held.pop("model.backbone.blocks.1.attention.key.weight"))
    with pytest.raises(InputError, match=r"blocks.1.attention.key.weight is missing\.$"):
        AutoModelForCausalLM.from_pretrained(tmp_path)


def test_a_mechanism_of_the_same_weights_can_take_its_place(saved: Path, pair: PAIR, tmp_path: Path) -> None:
    pair("softmax+rope")[1].save_pretrained(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, mechanism="softmax+yarn[factor=4]")
    assert "yarn" in model.config.mechanism


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"model": {"mechanism": "softmax+calibrated", "tied_head": True}},
        {"model": {"mechanism": "softmax+learned+randomised", "paper_faithful": True}},
        {"train": {"average": 0.9}},
    ],
    ids=["plain", "calibrated", "randomised", "averaged"],
)
def test_a_run_opens_in_one_line(changed: dict[str, Any], tmp_path: Path) -> None:
    folder = finished(tmp_path / "run", **changed).path
    tokens = torch.randint(5, (2, 12), dtype=torch.long, device="cpu")
    ours = load_model(folder)
    assert isinstance(ours, Decoder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert torch.equal(model(tokens).logits, ours(tokens).logits)
    assert model.config.decoder_config == replace(ours.config, kv_heads=2)  # as by default
    said = model.generate(tokens, max_new_tokens=4, do_sample=False)
    assert torch.equal(said, model.generate(tokens, max_new_tokens=4, do_sample=False, use_cache=False))
    body = AutoModel.from_pretrained(folder)
    assert torch.equal(body(tokens).last_hidden_state, ours(tokens).hidden)


def test_options_of_loading_go_for_runs_too(run: Path) -> None:
    model, unused = AutoConfig.from_pretrained(run, return_unused_kwargs=True, use_cache=False, other=1)
    assert (model.use_cache, unused["other"]) == (False, 1)
    half = AutoModelForCausalLM.from_pretrained(run, dtype=torch.bfloat16, use_cache=False)
    assert (half.dtype, half.config.use_cache) == (torch.bfloat16, False)
    again = LengthwiseForCausalLM.from_pretrained(run, use_cache=False, dtype=torch.float64)
    assert (again.dtype, again.config.use_cache) == (torch.float64, False)


def test_runs_that_no_language_model_comes_from_are_refused(run: Path, tmp_path: Path) -> None:
    begun = RunFolder(tmp_path / "begun")
    begun.claim(RunConfig.read(RUN), resume=False)
    with pytest.raises(InputError, match="not trained yet"):
        AutoModelForCausalLM.from_pretrained(begun.path)
    encoder = finished(tmp_path / "encoder", task="even-pairs", model={"causal": False, "mechanism": "softmax+rope"})
    with pytest.raises(InputError, match="no causal language model"):
        AutoModelForCausalLM.from_pretrained(encoder.path)
    sets = {**RUN, "task": "argmax-retrieval", "model": {"dim": 16, "mechanism": "softmax"}}
    reader = RunFolder(tmp_path / "reader")
    reader.claim(RunConfig.read(sets), resume=False)
    with pytest.raises(InputError, match="has our decoders only"):
        LengthwiseForCausalLM.from_pretrained(reader.path)
    assert "model_type" not in json.loads((reader.path / "config.json").read_text(encoding="utf-8"))
    broken = Path(shutil.copytree(run, tmp_path / "broken"))
    next(broken.glob("checkpoint/*/model.safetensors")).write_bytes(b"nothing")
    with pytest.raises(RunError, match="is damaged"):
        AutoModelForCausalLM.from_pretrained(broken)


def test_a_run_is_not_overwritten(run: Path) -> None:
    before = (run / "config.json").read_bytes()
    model = AutoModelForCausalLM.from_pretrained(run)
    with pytest.raises(InputError, match="holds a run of lengthwise"):
        model.save_pretrained(run)
    assert (run / "config.json").read_bytes() == before


def test_configurations_know_both_names() -> None:
    config = LengthwiseConfig(vocab_size=WORDS, hidden_size=32, num_hidden_layers=3, num_attention_heads=4)
    assert (config.dim, config.layers, config.heads, config.kv_heads, config.head_dim) == (32, 3, 4, 4, 8)
    assert (config.hidden_size, config.num_key_value_heads, config.tie_word_embeddings) == (32, 4, False)
    assert LengthwiseConfig(mechanism="rope+softmax").mechanism == "softmax+rope"
    assert LengthwiseConfig.from_dict(config.to_dict()).to_dict() == config.to_dict()
