"""Probes of our own models: attention weights by the definition of each mechanism, and the head for language."""

from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from lengthwise.evaluation.spread import DispersionMeter
from lengthwise.huggingface import LengthwiseConfig, LengthwiseForCausalLM
from lengthwise.pretrained import swap
from lengthwise.probes.language_model import LanguageModelProbe
from lengthwise.probes.windows import Windows

LENGTHS = [4, 9, 24]
TOKENS = torch.randint(32, (2, LENGTHS[-1]), generator=torch.Generator().manual_seed(3))


def check(model: Any) -> None:
    """Compare what a probe takes with the whole matrices of weights."""
    with LanguageModelProbe(model) as probe:
        window = probe.read(Windows(TOKENS, torch.tensor([], dtype=torch.long), {}), 1, LENGTHS)
        assert not probe.hidden
        assert not probe.headless
    with torch.no_grad():
        whole = model(TOKENS[1:], output_attentions=True).attentions
    assert len(window.dispersions) == len(whole)
    for found, weights in zip(window.dispersions.values(), whole, strict=True):
        for place, length in enumerate(LENGTHS):
            meter = DispersionMeter()
            meter.add(weights[0, :, length - 1, :length])
            expected = meter.result()
            for name in ("entropy", "first", "largest", "resolution"):
                assert getattr(found[place], name) == pytest.approx(getattr(expected, name), abs=1e-5)


@pytest.mark.parametrize("mechanism", ["softmax+rope", "threshold-relative", "stick-breaking", "as-entmax+nape"])
def test_weights_of_our_models(mechanism: str) -> None:
    torch.manual_seed(0)
    check(LengthwiseForCausalLM(LengthwiseConfig(vocab_size=32, dim=32, heads=4, mechanism=mechanism)).eval())


def test_weights_of_a_mechanism_without_any_are_hidden() -> None:
    torch.manual_seed(0)
    model = LengthwiseForCausalLM(LengthwiseConfig(vocab_size=32, dim=32, heads=4, mechanism="hadamard")).eval()
    with LanguageModelProbe(model) as probe:
        assert len(probe.hidden) == model.config.layers
        assert any("nor by a mechanism of this library that has weights" in note for note in probe.notes)


@pytest.mark.parametrize("layers", [None, [1]])
def test_weights_of_a_swapped_model(layers: list[int] | None) -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=32, **sizes)).eval()
    swap(model, "threshold-relative", layers=layers)
    if layers is None:
        check(model)
    with LanguageModelProbe(model) as probe:
        window = probe.read(Windows(TOKENS, torch.tensor([], dtype=torch.long), {}), 1, LENGTHS)
        assert len(window.dispersions) == 2
