"""The main cases of the common model tests of transformers that no other file here has, for a few mechanisms.

Names follow ``test_modeling_common.py`` and ``generation/test_utils.py`` of transformers.
"""

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    DynamicCache,
    set_seed,
)

from lengthwise.huggingface import LengthwiseConfig, LengthwiseForCausalLM
from lengthwise.pretrained.cache import CACHE

WORDS = 11
AUTO = [AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification, AutoModelForTokenClassification]


def config(mechanism: str, **settings: Any) -> LengthwiseConfig:
    sizes = {"vocab_size": WORDS, "dim": 16, "heads": 4, "kv_heads": 2, "context": 12, "reach": 48, "pad_token_id": 0}
    return LengthwiseConfig(**{**sizes, "mechanism": mechanism, **settings})


@pytest.fixture(params=["threshold-relative", "softmax+rope", "softmax+learned+layer-norm", "selective+alibi"])
def mechanism(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=AUTO, ids=lambda auto: auto.__name__)
def model(request: pytest.FixtureRequest, mechanism: str) -> Any:
    """One of our four models, in use."""
    torch.manual_seed(0)
    return request.param.from_config(config(mechanism)).eval()


@pytest.fixture
def speaker(mechanism: str) -> LengthwiseForCausalLM:
    """A language model without padding, whose next tokens are not all the same."""
    torch.manual_seed(0)
    model = LengthwiseForCausalLM(config(mechanism, pad_token_id=None)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) / 4)
    return model.double()


def first(outputs: Any) -> Tensor:
    return outputs[0]


def test_forward_signature(model: Any) -> None:
    names = list(inspect.signature(model.forward).parameters)
    assert names[:2] == ["input_ids", "attention_mask"]
    assert {"position_ids", "inputs_embeds", "use_cache"} <= set(names)
    assert {"past_key_values", "cache"} & set(names)


def test_model_outputs_equivalence(model: Any, tokens: Tensor) -> None:
    """A tuple holds what the named fields hold, in their order."""
    how = {"output_hidden_states": True, "output_attentions": True}
    with torch.no_grad():
        named, plain = model(tokens, **how), model(tokens, return_dict=False, **how)
    fields = [value for value in named.values() if value is not None]
    assert isinstance(plain, tuple)
    assert len(plain) == len(fields) > 2
    for one, other in zip(plain, fields, strict=True):
        if isinstance(one, Tensor):
            assert torch.equal(one, other)
        elif isinstance(one, tuple):
            assert all(torch.equal(of_one, of_other) for of_one, of_other in zip(one, other, strict=True))
        else:
            assert one.get_seq_length() == other.get_seq_length() == 9


def test_determinism_and_batching_equivalence(model: Any, tokens: Tensor) -> None:
    tokens = tokens.clamp(min=1)
    together = first(model(tokens))
    assert torch.equal(first(model(tokens)), together)
    torch.testing.assert_close(torch.cat([first(model(row[None])) for row in tokens]), together)


def test_inputs_embeds_match_input_ids(model: Any, tokens: Tensor) -> None:
    """Without padding, which embeddings do not show to a classifier of sequences."""
    tokens = tokens.clamp(min=1)
    embedded = model.get_input_embeddings()(tokens)
    torch.testing.assert_close(first(model(inputs_embeds=embedded)), first(model(tokens)))


def test_get_and_set_embeddings(model: Any, tokens: Tensor) -> None:
    embedding = model.get_input_embeddings()
    assert isinstance(embedding, torch.nn.Embedding)
    other = torch.nn.Embedding(WORDS, 16)
    before = first(model(tokens))
    model.set_input_embeddings(other)
    assert model.get_input_embeddings() is other
    assert not torch.allclose(first(model(tokens)), before)
    head = model.get_output_embeddings()
    assert (head is None) == (not isinstance(model, LengthwiseForCausalLM))


def test_initialization(mechanism: str) -> None:
    """On the meta device first, as large models are made; then every weight that no file holds is drawn."""
    torch.manual_seed(0)
    made = LengthwiseForCausalLM(config(mechanism))
    empty = LengthwiseForCausalLM.from_pretrained(
        None,
        config=config(mechanism),
        state_dict={name: one for name, one in made.state_dict().items() if "lm_" not in name},
    )
    assert empty.lm_head.weight.isfinite().all()
    assert 0 < empty.lm_head.weight.std() < 0.1
    for name, weight in made.state_dict().items():
        assert weight.isfinite().all()
        assert name.startswith("lm_head") or torch.equal(empty.state_dict()[name], weight)


def test_training(model: Any, tokens: Tensor) -> None:
    """Every parameter has a gradient, with gradient checkpointing and without."""
    model.train()
    for checkpointing in (False, True):
        if checkpointing:
            enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
            enable()
        first(model(tokens.clamp(min=1))).square().sum().backward()
        without = [name for name, parameter in model.named_parameters() if parameter.grad is None]
        assert not without
        model.zero_grad()


def test_retain_grad_hidden_states_attentions(model: Any, tokens: Tensor) -> None:
    outputs = model(tokens.clamp(min=1), output_hidden_states=True, output_attentions=True)
    hidden = outputs.hidden_states[0]
    hidden.retain_grad()
    first(outputs).sum().backward()
    assert hidden.grad is not None
    assert hidden.grad.abs().sum() > 0
    assert len(outputs.attentions) == 2


def test_save_load_and_can_use_safetensors(model: Any, tokens: Tensor, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    with safe_open(tmp_path / "model.safetensors", "pt") as held:
        assert set(held.keys()) == set(model.state_dict())
    again = type(model).from_pretrained(tmp_path)
    assert not again.training
    torch.testing.assert_close(first(again(tokens)), first(model(tokens)))


def test_torch_save_load(model: Any, tokens: Tensor, tmp_path: Path) -> None:
    before = first(model(tokens))
    torch.save(model, tmp_path / "model.pt")
    again = torch.load(tmp_path / "model.pt", weights_only=False)
    torch.testing.assert_close(first(again(tokens)), before)


def test_from_pretrained_options(speaker: LengthwiseForCausalLM, tokens: Tensor, tmp_path: Path) -> None:
    speaker.save_pretrained(tmp_path)
    assert AutoModelForCausalLM.from_pretrained(tmp_path).dtype == torch.float64
    assert AutoModelForCausalLM.from_pretrained(tmp_path, dtype="auto").dtype == torch.float64
    assert AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).dtype == torch.float32
    assert AutoModelForCausalLM.from_pretrained(tmp_path, dtype="bfloat16").dtype == torch.bfloat16
    for device_map in ("cpu", {"": "cpu"}, "auto"):
        placed = AutoModelForCausalLM.from_pretrained(tmp_path, device_map=device_map)
        assert {parameter.device.type for parameter in placed.parameters()} == {"cpu"}
        torch.testing.assert_close(placed(tokens).logits, speaker(tokens).logits)


def test_disk_offload(speaker: LengthwiseForCausalLM, tokens: Tensor, tmp_path: Path) -> None:
    """A block whose weights lie on the disk computes the same, and generates the same with a cache."""
    speaker.save_pretrained(tmp_path / "model")
    names = dict.fromkeys(("model.backbone.embedding", "model.backbone.blocks.0", "model.backbone.norm"), "cpu")
    others = {name: "cpu" for name, _ in speaker.model.backbone.named_children()}
    others = {f"model.backbone.{name}": "cpu" for name in others if name != "blocks"}
    where = {**others, **names, "model.backbone.blocks.1": "disk", "lm_head": "cpu"}
    placed = AutoModelForCausalLM.from_pretrained(
        tmp_path / "model", device_map=where, offload_folder=tmp_path / "offloaded"
    )
    torch.testing.assert_close(placed(tokens).logits, speaker(tokens).logits)
    said, expected = (one.generate(tokens, max_new_tokens=4, do_sample=False) for one in (placed, speaker))
    assert torch.equal(said, expected)


@pytest.mark.parametrize(
    ("problem", "labels", "expected"),
    [
        ("regression", 1, lambda logits, right: F.mse_loss(logits.squeeze(), right)),
        ("single_label_classification", 3, F.cross_entropy),
        ("multi_label_classification", 3, F.binary_cross_entropy_with_logits),
    ],
)
def test_problem_types(problem: str, labels: int, expected: Any, mechanism: str, tokens: Tensor) -> None:
    torch.manual_seed(0)
    of = config(mechanism, num_labels=labels, problem_type=problem)
    model = AutoModelForSequenceClassification.from_config(of).eval()
    right = {
        "regression": torch.tensor([0.5, -1.0, 2.0], dtype=torch.float32, device="cpu"),
        "single_label_classification": torch.tensor([0, 2, 1], dtype=torch.long, device="cpu"),
        "multi_label_classification": torch.tensor(
            [[0, 1, 1], [0, 0, 0], [1, 0, 1]], dtype=torch.float32, device="cpu"
        ),
    }[problem]
    said = model(tokens.clamp(min=1), labels=right)
    torch.testing.assert_close(said.loss, expected(said.logits, right))


def test_resize_embeddings_untied(mechanism: str, tokens: Tensor, tmp_path: Path) -> None:
    """To fewer tokens, and to a multiple; the size is saved."""
    torch.manual_seed(0)
    model = LengthwiseForCausalLM(config(mechanism)).eval()
    few = tokens % 7
    before = model(few).logits
    model.resize_token_embeddings(7)
    torch.testing.assert_close(model(few).logits, before[..., :7])
    model.resize_token_embeddings(9, pad_to_multiple_of=8)
    model.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert again.config.vocab_size == again.lm_head.out_features == 16
    torch.testing.assert_close(again(few).logits[..., :7], before[..., :7])


@pytest.mark.parametrize("name", ["sdpa", "flash_attention_2", "flex_attention"])
def test_attention_implementations_are_refused(name: str, mechanism: str) -> None:
    """A mechanism has backends of its own, and none of those that transformers has for softmax."""
    LengthwiseForCausalLM._from_config(config(mechanism), attn_implementation="eager")
    with pytest.raises((ValueError, ImportError)):
        LengthwiseForCausalLM._from_config(config(mechanism), attn_implementation=name)


def test_mismatched_shapes_are_drawn_anew(mechanism: str, tokens: Tensor, tmp_path: Path) -> None:
    kind = AutoModelForSequenceClassification
    kind.from_config(config(mechanism, num_labels=3)).save_pretrained(tmp_path)
    model = kind.from_pretrained(tmp_path, num_labels=5, ignore_mismatched_sizes=True)
    assert model(tokens.clamp(min=1)).logits.shape == (3, 5)
    assert 0 < model.score.weight.std() < 0.1


def test_generate_from_inputs_embeds_with_tokens_before(speaker: LengthwiseForCausalLM, tokens: Tensor) -> None:
    embedded = speaker.get_input_embeddings()(tokens)
    for how in ({"do_sample": False}, {"num_beams": 2}):
        said = speaker.generate(inputs_embeds=embedded, max_new_tokens=5, **how)
        assert torch.equal(said, speaker.generate(tokens, max_new_tokens=5, **how)[:, 9:])


def test_left_padding_compatibility(speaker: LengthwiseForCausalLM, tokens: Tensor) -> None:
    padded = F.pad(tokens, (4, 0))
    mask = F.pad(torch.ones_like(tokens), (4, 0))
    with torch.no_grad():
        torch.testing.assert_close(speaker(padded, attention_mask=mask).logits[:, -1], speaker(tokens).logits[:, -1])
        counted = (mask.cumsum(1) - 1).clamp(min=0)
        torch.testing.assert_close(
            speaker(padded, attention_mask=mask, position_ids=counted).logits[:, -1], speaker(tokens).logits[:, -1]
        )


def test_generate_with_and_without_a_cache_has_the_same_scores(speaker: LengthwiseForCausalLM, tokens: Tensor) -> None:
    how = {"max_new_tokens": 5, "return_dict_in_generate": True, "output_scores": True, "output_logits": True}
    for kind in ({"do_sample": False}, {"do_sample": False, "num_beams": 3, "num_return_sequences": 2}):
        cached, plain = (speaker.generate(tokens, use_cache=use, **kind, **how) for use in (True, False))
        assert torch.equal(cached.sequences, plain.sequences)
        torch.testing.assert_close(cached.scores, plain.scores)
        torch.testing.assert_close(cached.logits, plain.logits)
        assert cached.past_key_values.get_seq_length() == 13
        assert plain.past_key_values is None


def test_generate_continue_from_past_key_values(speaker: LengthwiseForCausalLM, tokens: Tensor) -> None:
    how = {"do_sample": False, "return_dict_in_generate": True}
    whole = speaker.generate(tokens, max_new_tokens=6, **how)
    begun = speaker.generate(tokens, max_new_tokens=3, **how)
    rest = speaker.generate(begun.sequences, max_new_tokens=3, **how, **{CACHE: begun[CACHE]})
    assert torch.equal(rest.sequences, whole.sequences)
    assert rest.past_key_values.get_seq_length() == whole.past_key_values.get_seq_length()


def test_generate_output_attentions_and_hidden_states(speaker: LengthwiseForCausalLM, tokens: Tensor) -> None:
    found = speaker.generate(
        tokens,
        max_new_tokens=3,
        do_sample=False,
        return_dict_in_generate=True,
        output_attentions=True,
        output_hidden_states=True,
    )
    assert [step[0].shape for step in found.attentions] == [(3, 4, 9, 9), (3, 4, 1, 10), (3, 4, 1, 11)]
    assert [step[-1].shape for step in found.hidden_states] == [(3, 9, 16), (3, 1, 16), (3, 1, 16)]


def test_beam_sample_and_processors(speaker: LengthwiseForCausalLM, tokens: Tensor) -> None:
    how: dict[str, Any] = {"num_beams": 2, "do_sample": True, "top_k": 5, "repetition_penalty": 1.2}
    drawn = []
    for use_cache in (True, False):
        set_seed(0)
        drawn.append(speaker.generate(tokens, max_new_tokens=5, use_cache=use_cache, min_new_tokens=5, **how))
    assert torch.equal(*drawn)


def test_a_cache_of_a_batch_is_read_by_another_loop(speaker: LengthwiseForCausalLM, tokens: Tensor) -> None:
    """Token by token, in chunks, and at once."""
    whole = speaker(tokens).logits
    with torch.no_grad():
        for sizes in ([1] * 9, [4, 3, 2], [9]):
            cache, parts = DynamicCache(), []
            for part in tokens.split(sizes, 1):
                parts.append(speaker(part, past_key_values=cache).logits)
            torch.testing.assert_close(torch.cat(parts, 1), whole)


def test_a_cache_has_two_names(speaker: LengthwiseForCausalLM, tokens: Tensor) -> None:
    """That of transformers 5.24, and the one before, whatever the version is."""
    with torch.no_grad():
        whole = speaker(tokens).logits[:, 5:]
        for name in ("cache", "past_key_values"):
            held = speaker(tokens[:, :5])[CACHE]
            torch.testing.assert_close(speaker(tokens[:, 5:], **{name: held}).logits, whole)


def test_chunked_prefill(speaker: LengthwiseForCausalLM, tokens: Tensor) -> None:
    said = speaker.generate(tokens, max_new_tokens=4, do_sample=False, prefill_chunk_size=4)
    assert torch.equal(said, speaker.generate(tokens, max_new_tokens=4, do_sample=False))
