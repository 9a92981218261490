"""What a probe reads in a language model, against everything materialised by the model's own eager attention."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lengthwise.errors import InputError, RunError
from lengthwise.probes import perplexity
from lengthwise.probes.language_model import LanguageModelProbe
from lengthwise.probes.perplexity import by_position
from lengthwise.probes.windows import Windows

Build = Callable[..., Any]
LENGTHS = [4, 9, 24, 40]
EPS = torch.finfo(torch.float32).eps
PROJECTIONS = {"llama": "o_proj", "sliding": "o_proj", "gpt2": "attn.c_proj", "bert": "attention.output.dense"}


def _windows(count: int = 2, suffix: list[int] | None = None) -> Windows:
    tokens = torch.randint(5, 65, (count, LENGTHS[-1]), generator=torch.Generator().manual_seed(3))
    return Windows(tokens, torch.tensor(suffix or [], dtype=torch.long), {})


def _assert_close(actual: Tensor, expected: Tensor) -> None:
    """Within 16 rounding units of float32, in which Llama's own eager softmax and norms are even in a float64 model."""
    torch.testing.assert_close(actual, expected, rtol=0, atol=16 * EPS * expected.abs().max().item())


@torch.no_grad()
def _materialised(model: Any, kind: str, tokens: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """What goes into each output projection, all weights, and the logits."""
    outputs: list[Tensor] = []
    hooks = [
        module.register_forward_pre_hook(lambda module, inputs: outputs.append(inputs[0][0]))
        for name, module in model.named_modules()
        if name.endswith(PROJECTIONS[kind])
    ]
    implementation = model.config._attn_implementation
    model.set_attn_implementation("eager")
    result = model(tokens, output_attentions=True)
    model.set_attn_implementation(implementation)
    for hook in hooks:
        hook.remove()
    return outputs, [weights[0] for weights in result.attentions], result.logits[0]


@pytest.mark.parametrize("kind", ["llama", "gpt2", "sliding", "bert"])
def test_everything_agrees(build: Build, kind: str) -> None:
    model, windows = build(kind).double(), _windows(suffix=[3] if kind == "bert" else None)
    with LanguageModelProbe(model) as probe:
        window = probe.read(windows, 1, LENGTHS)
        assert probe.causal == (kind != "bert")
        assert probe.passes(LENGTHS) == (1 if probe.causal else len(LENGTHS))
        assert not probe.hidden
    for place, length in enumerate(LENGTHS):
        tokens = windows.cut(1, length)
        outputs, weights, logits = _materialised(model, kind, tokens)
        for name, output, of_layer in zip(window.outputs, outputs, weights, strict=True):
            _assert_close(window.outputs[name][place], output[-1])
            row = of_layer[:, -1].double()
            visible = 6 if kind == "sliding" and length > 6 else length
            entropy = -(row * row.clamp(min=1e-30).log()).sum(-1) / math.log(visible)
            found = window.dispersions[name][place]
            assert found.entropy == pytest.approx(entropy.mean().item(), abs=16 * EPS)
            assert found.largest == pytest.approx(row.amax(-1).mean().item(), abs=16 * EPS)
            assert found.first == pytest.approx(row[:, 0].mean().item(), abs=16 * EPS)
            nearest_first = row.flip(-1)
            following = torch.cat([nearest_first[:, 1:], torch.zeros_like(row[:, :1])], dim=1)
            resolution = (nearest_first * (nearest_first - following)).sum(-1).mean().item()
            assert found.resolution == pytest.approx(resolution, abs=16 * EPS)
    if kind == "bert":
        assert window.losses is None
        assert "tokens see the tokens that follow" in probe.notes[0]
    else:
        assert window.losses is not None
        expected = cross_entropy(logits[:-1], tokens[0, 1:], reduction="none")
        _assert_close(window.losses, expected)
        assert probe.notes == []


@pytest.mark.parametrize("kind", ["llama", "sliding", "bert"])
def test_a_model_does_the_same_under_the_probe_and_after_it(build: Build, kind: str) -> None:
    """A function that transformers knows without a mask for it would let tokens see the future."""
    model, tokens = build(kind).train(), _windows().tokens
    before = model.eval()(tokens).logits
    model.train()
    with LanguageModelProbe(model):
        assert model.config._attn_implementation != "sdpa"
        torch.testing.assert_close(model(tokens).logits, before)
        with torch.no_grad():
            changed = tokens.clone()
            changed[:, -1] = 7
            earlier = (model(changed).logits - before)[:, :-1].abs().max()
        assert (earlier == 0) == (kind != "bert")
    assert model.config._attn_implementation == "sdpa"
    assert model.training
    assert torch.equal(model.eval()(tokens).logits, before)
    assert not any(part._forward_pre_hooks or part._forward_hooks for part in model.modules())


def test_hidden_weights_are_said_and_the_rest_is_there(build: Build) -> None:
    model = build("llama").double()
    model.set_attn_implementation("eager")
    with LanguageModelProbe(model) as probe:
        window = probe.read(_windows(), 0, LENGTHS)
    assert model.config._attn_implementation == "eager"
    (note,) = probe.notes
    assert "unavailable in 3 of 3 layers, whose weights are hidden" in note
    assert window.dispersions == {}
    assert window.losses is not None
    with LanguageModelProbe(build("llama").double()) as probe:
        shown = probe.read(_windows(), 0, LENGTHS)
    for name, output in shown.outputs.items():
        _assert_close(window.outputs[name], output)


def test_a_model_without_a_head_or_with_an_odd_one(build: Build) -> None:
    with LanguageModelProbe(build("encoder")) as probe:
        assert probe.read(_windows(), 0, LENGTHS).losses is None
    assert probe.notes == ["Perplexity by position is unavailable: the model has no head for language."]

    model = build("llama")  # whose last logit is to depend on how many there are
    model.forward = lambda *arguments, forward=model.forward, **options: _numbered(forward(*arguments, **options))
    with LanguageModelProbe(model) as probe:
        assert probe.read(_windows(), 0, LENGTHS).losses is None
    assert "the model's head cannot be asked for a part of its logits" in probe.notes[0]


def _numbered(result: Any) -> Any:
    result.logits = result.logits + 9 * torch.arange(result.logits.shape[1])[:, None]
    return result


def test_what_a_model_does_to_its_logits_is_done(build: Build) -> None:
    model = build("llama").double()
    plain = _losses(model)
    model.forward = lambda *arguments, forward=model.forward, **options: _halved(forward(*arguments, **options))
    expected = cross_entropy(model(_windows().tokens[:1]).logits[0, :-1], _windows().tokens[0, 1:], reduction="none")
    _assert_close(_losses(model), expected.detach())
    assert not torch.allclose(plain, expected, atol=1e-1)
    assert "forward" not in vars(model.base_model)


def _halved(result: Any) -> Any:
    result.logits = result.logits / 2
    return result


def _losses(model: Any) -> Tensor:
    with LanguageModelProbe(model) as probe:
        losses = probe.read(_windows(), 0, LENGTHS).losses
    assert losses is not None
    return losses


def test_logits_in_chunks(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("gpt2")
    with LanguageModelProbe(model) as probe:
        whole = probe.read(_windows(), 0, LENGTHS).losses
        monkeypatch.setattr(perplexity, "_LOGITS_AT_ONCE", 7 * 65)
        sizes: list[int] = []
        head = model.get_output_embeddings()
        hook = head.register_forward_hook(lambda head, inputs, logits: sizes.append(logits.shape[1]))
        parts = probe.read(_windows(), 0, LENGTHS).losses
        hook.remove()
    assert sizes == [7, 7, 7, 7, 7, 4]
    torch.testing.assert_close(parts, whole)


def test_progress_comes_layer_by_layer(build: Build) -> None:
    calls: list[None] = []
    with LanguageModelProbe(build("bert"), lambda: calls.append(None)) as probe:
        calls.clear()
        probe.read(_windows(), 0, LENGTHS)
        assert len(calls) == len(probe.measured) * probe.passes(LENGTHS) == 12


def test_numbers_that_are_none_and_positions_that_are_not_there(build: Build) -> None:
    model = build("llama")
    with torch.no_grad():
        model.model.layers[1].self_attn.v_proj.weight[0, 0] = torch.inf
    sentence = r"layers\.1\.self_attn gives numbers that are not finite"
    with pytest.raises(RunError, match=sentence), LanguageModelProbe(model) as probe:
        probe.read(_windows(), 0, LENGTHS)
    assert model.config._attn_implementation == "sdpa"

    long = Windows(torch.full((2, 65), 7), torch.tensor([], dtype=torch.long), {})
    with LanguageModelProbe(build("gpt2")) as probe, pytest.raises(RunError, match="cannot read 65 tokens"):
        probe.read(long, 0, [65])


SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}


@pytest.mark.parametrize("kind", ["longrope", "dynamic"])
def test_rotary_factors_that_depend_on_the_length(kind: str) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM, Phi3Config, Phi3ForCausalLM

    torch.manual_seed(0)
    rope: dict[str, Any] = {"rope_type": kind, "rope_theta": 10_000.0, "factor": 4.0}
    same = SIZES | {"vocab_size": 65, "pad_token_id": 0, "rope_parameters": rope}
    if kind == "longrope":
        rope |= {"short_factor": [1.0] * 4, "long_factor": [9.0] * 4, "original_max_position_embeddings": 16}
        config = Phi3Config(**same, max_position_embeddings=64, original_max_position_embeddings=16)
        model = Phi3ForCausalLM(config).double().eval()
    else:
        model = LlamaForCausalLM(LlamaConfig(**same, max_position_embeddings=16)).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(6)
    with LanguageModelProbe(model) as probe:
        probe.read(_windows(), 0, LENGTHS)
        window = probe.read(_windows(), 1, LENGTHS)
        assert probe.causal
        assert probe.passes(LENGTHS) == len(LENGTHS)
        assert "rotary factors depend on the length" in probe.notes[0]
    for place, length in enumerate(LENGTHS):
        with torch.no_grad():
            model(torch.full((1, 1), 7))  # as after no longer text
        outputs, _, _ = _materialised(model, "llama", _windows().cut(1, length))
        for name, output in zip(window.outputs, outputs, strict=True):
            _assert_close(window.outputs[name][place], output[-1])


@pytest.mark.parametrize("same", [False, True])
def test_a_small_vocabulary_shows_that_tokens_look_ahead(same: bool) -> None:
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(0)
    model = BertForMaskedLM(BertConfig(**SIZES, vocab_size=8 + 8 * same, max_position_embeddings=64)).eval()
    if same:  # tokens that were never trained may have one embedding
        with torch.no_grad():
            model.get_input_embeddings().weight[7:] = 1.0
    with LanguageModelProbe(model) as probe:
        assert not probe.causal


def test_what_reads_no_text_alone_is_said() -> None:
    from transformers import CLIPConfig, CLIPModel

    sizes = SIZES | {"projection_dim": 16}
    text = sizes | {"vocab_size": 65, "max_position_embeddings": 64}
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=sizes | {"image_size": 16, "patch_size": 8}))
    with pytest.raises(InputError, match="CLIPModel does not read text alone"), LanguageModelProbe(model):
        pass


def test_buckets_cover_every_token_once() -> None:
    losses = torch.arange(99.0)[None].expand(5, -1) + torch.tensor([-1.0, 0.0, 0.0, 0.0, 1.0])[:, None]
    buckets = by_position(losses)
    assert [(bucket.first, bucket.last) for bucket in buckets] == [(1, 35), (36, 50), (51, 71), (72, 99)]
    for bucket in buckets:
        assert bucket.loss.value == pytest.approx((bucket.first + bucket.last) / 2 - 1)
        assert bucket.loss.low == pytest.approx(bucket.loss.value - 0.5, abs=0.2)
    assert [(bucket.first, bucket.last) for bucket in by_position(losses[:, :4])] == [(1, 4)]
