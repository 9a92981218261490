"""Hugging Face models compute what the decoder computes: losses, padding, packing, weights, hidden states, heads."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.huggingface.pairs import CARRIED, WORDS, Pair
from torch import Tensor
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, DataCollatorWithFlattening

from lengthwise.attention import Mechanism
from lengthwise.errors import InputError
from lengthwise.huggingface import LengthwiseConfig, LengthwiseForCausalLM, LengthwiseModel
from lengthwise.models import Backbone
from lengthwise.models.building import in_float32_by_default

PAIR = Callable[..., Pair]
SOME = ["threshold-relative", "softmax+rope", "softmax+learned+shifted", "selective+alibi"]


def tiny(**settings: Any) -> LengthwiseConfig:
    return LengthwiseConfig(**{"vocab_size": WORDS, "dim": 16, "heads": 4, "context": 12, "reach": 48, **settings})


@pytest.mark.parametrize("mechanism", CARRIED)
def test_logits_are_those_of_the_decoder(mechanism: str, pair: PAIR, tokens: Tensor) -> None:
    decoder, model = pair(mechanism)
    assert torch.equal(model(tokens).logits, decoder(tokens).logits)


@pytest.mark.parametrize("mechanism", CARRIED)
def test_attention_weights_are_those_of_the_definition(mechanism: str, pair: PAIR, tokens: Tensor) -> None:
    _, model = pair(mechanism)
    traits = Mechanism.parse(mechanism).traits
    if not traits.weighs:
        with pytest.raises(InputError, match="drop output_attentions"):
            model(tokens, output_attentions=True)
        return
    with torch.no_grad():
        whole = model(tokens, output_attentions=True).attentions
        first = model(tokens[:, :6], output_attentions=True)
        later = model(tokens[:, 6:], past_key_values=first.past_key_values, output_attentions=True).attentions
    assert len(whole) == 2
    for weights, of_later in zip(whole, later, strict=True):
        assert weights.shape == (3, 4, 9, 9)
        assert not weights.triu(1).any()
        torch.testing.assert_close(of_later, weights[:, :, 6:])
        if traits.normalised:
            torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))


@pytest.mark.parametrize("mechanism", SOME)
def test_loss_is_that_of_the_next_token(mechanism: str, pair: PAIR, tokens: Tensor) -> None:
    decoder, model = pair(mechanism)
    labels = tokens.clone()
    labels[0, :4] = -100
    expected = F.cross_entropy(decoder(tokens).logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
    torch.testing.assert_close(model(tokens, labels=labels).loss, expected, check_dtype=False)


@pytest.mark.parametrize("mechanism", SOME)
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(side: str, mechanism: str, pair: PAIR, tokens: Tensor) -> None:
    _, model = pair(mechanism)
    mask = torch.ones_like(tokens)
    mask[1, :4] = mask[2, :7] = 0
    mask = mask if side == "left" else mask.flip(1)
    said = model(tokens, attention_mask=mask).logits
    for row, shown, logits in zip(tokens, mask.bool(), said, strict=True):
        torch.testing.assert_close(logits[shown], model(row[None, shown]).logits[0])


@pytest.mark.parametrize("mechanism", SOME)
def test_packed_sequences_stay_apart(mechanism: str, pair: PAIR, tokens: Tensor) -> None:
    """As the collator of transformers packs them: positions begin again at 0."""
    _, model = pair(mechanism)
    parts = [tokens[0, :5], tokens[1], tokens[2, :1], tokens[2, :3]]
    batch = DataCollatorWithFlattening()([{"input_ids": part.tolist()} for part in parts])
    said = model(**batch)
    separate = [model(part[None], labels=part[None]) for part in parts]
    torch.testing.assert_close(said.logits[0], torch.cat([one.logits[0] for one in separate]))
    scored = [len(part) - 1 for part in parts]
    total = sum(one.loss * count for one, count in zip(separate, scored, strict=True) if count)
    torch.testing.assert_close(said.loss, total / sum(scored))


@pytest.mark.parametrize("mechanism", SOME)
def test_packed_sequences_go_through_a_cache(mechanism: str, pair: PAIR, tokens: Tensor) -> None:
    _, model = pair(mechanism)
    positions = torch.tensor([[0, 1, 2, 3, 0, 1, 2, 0, 1]], dtype=torch.long, device="cpu")
    with torch.no_grad():
        whole = model(tokens, position_ids=positions).logits
        first = model(tokens[:, :6], position_ids=positions[:, :6])
        rest = model(tokens[:, 6:], position_ids=positions[:, 6:], past_key_values=first.past_key_values)
    torch.testing.assert_close(torch.cat([first.logits, rest.logits], 1), whole)


def test_what_cannot_be_followed_is_refused(pair: PAIR, tokens: Tensor) -> None:
    _, model = pair("softmax+rope")
    ones, count = torch.ones_like(tokens), torch.arange(9, dtype=torch.long, device="cpu")[None]
    gap = ones.clone()
    gap[1, 4] = 0
    late = ones.clone()
    late[:, -1] = 0
    cases: list[tuple[dict[str, Any], str]] = [
        ({"attention_mask": ones[:, 1:]}, r"\(3, 9\) with the cached tokens"),
        ({"attention_mask": ones[:, None, None]}, r"attention_mask must be \(batch, tokens\)"),
        ({"attention_mask": gap}, "padding inside a sequence"),
        ({"position_ids": count + 1}, "count the tokens of each document from 0"),
        ({"position_ids": 2 * count}, "count the tokens of each document from 0"),
        ({"position_ids": count[:, 1:]}, "position_ids must be"),
        ({"seq_idx": ones}, "seq_idx packs documents in a way"),
        ({"inputs_embeds": torch.zeros(3, 9, 16, dtype=torch.float64, device="cpu")}, "either input_ids or"),
    ]
    for given, sentence in cases:
        with pytest.raises(InputError, match=sentence):
            model(tokens, **given)
    with torch.no_grad():
        cache = model(tokens[:, :5]).past_key_values
        with pytest.raises(InputError, match="begun without padding"):
            model(tokens[:, 5:], past_key_values=cache, attention_mask=late)
        with pytest.raises(InputError, match="count the tokens"):
            model(tokens[:, 5:], past_key_values=cache, position_ids=count[:, 4:8])


def test_hidden_states_of_every_layer(pair: PAIR, tokens: Tensor) -> None:
    decoder, model = pair("threshold-relative", layers=3)
    said = model(tokens, output_hidden_states=True)
    assert len(said.hidden_states) == 4
    assert torch.equal(said.hidden_states[0], decoder.embedding(tokens))
    stream = decoder.embedding(tokens)
    for block, hidden in zip(decoder.blocks, said.hidden_states[1:], strict=True):
        stream = block(stream, None, None, None)
        assert torch.equal(hidden, decoder.norm(stream) if block is decoder.blocks[-1] else stream)
    assert torch.equal(model.lm_head(said.hidden_states[-1]), said.logits)
    embedded = model(inputs_embeds=decoder.embedding(tokens))
    assert torch.equal(embedded.logits, said.logits)


def test_logits_to_keep_and_tuples(pair: PAIR, tokens: Tensor) -> None:
    _, model = pair("softmax")
    logits = model(tokens).logits
    torch.testing.assert_close(model(tokens, logits_to_keep=2).logits, logits[:, -2:])
    chosen = torch.tensor([1, 4], dtype=torch.long, device="cpu")
    torch.testing.assert_close(model(tokens, logits_to_keep=chosen).logits, logits[:, chosen])
    assert torch.equal(model(tokens, return_dict=False)[0], logits)


def test_a_cache_is_returned_where_no_gradient_is_kept(pair: PAIR, tokens: Tensor) -> None:
    _, model = pair("softmax")
    assert model(tokens).past_key_values is None
    with torch.no_grad():
        assert model(tokens).past_key_values.get_seq_length() == 9
        assert model(tokens, use_cache=False).past_key_values is None


def test_seeds_give_the_weights_that_they_give_our_own_models() -> None:
    config = tiny(mechanism="softmax+kerple+layer-norm")
    torch.manual_seed(0)
    with in_float32_by_default():
        ours = Backbone(config.decoder_config)
    torch.manual_seed(0)
    theirs = LengthwiseModel(config)
    for name, weight in ours.state_dict().items():
        assert torch.equal(theirs.backbone.state_dict()[name].float(), weight)


@pytest.mark.parametrize("tied", [False, True])
def test_the_vocabulary_can_grow(tied: bool, tokens: Tensor) -> None:
    torch.manual_seed(0)
    model = LengthwiseForCausalLM(tiny(tied_head=tied)).eval()
    before = model(tokens).logits
    model.resize_token_embeddings(WORDS + 5)
    torch.testing.assert_close(model(tokens).logits[..., :WORDS], before)
    assert model(tokens + 5).logits.shape[-1] == WORDS + 5 == model.config.vocab_size
    assert (model.lm_head.weight is model.get_input_embeddings().weight) == tied


def test_gradient_checkpointing_changes_no_gradient(tokens: Tensor) -> None:
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        model = LengthwiseForCausalLM(tiny(dropout=0.1)).train()
        if checkpointing:
            # The name that transformers 5.23 has, and the one that it had before.
            enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
            enable()
            assert model.model.backbone.gradient_checkpointing
        torch.manual_seed(1)
        loss = model(tokens, labels=tokens).loss
        gradients.append(torch.autograd.grad(loss, list(model.parameters())))
    for one, other in zip(*gradients, strict=True):
        assert torch.equal(one, other)
    with pytest.raises(InputError, match="keeps no attention weights in training; drop output_attentions"):
        model(tokens, labels=tokens, output_attentions=True)
    assert len(model(tokens, labels=tokens, output_hidden_states=True).hidden_states) == 3
    for way in (torch.no_grad(), nullcontext(model.eval())):
        with way:
            assert len(model(tokens, output_attentions=True).attentions) == 2


@pytest.mark.parametrize("side", ["left", "right"])
def test_classifiers_see_no_padding(side: str, tokens: Tensor) -> None:
    torch.manual_seed(0)
    config = tiny(num_labels=3, pad_token_id=0)
    sequences = AutoModelForSequenceClassification.from_config(config).double().eval()
    each = AutoModelForTokenClassification.from_config(config).double().eval()
    tokens = tokens.clamp(min=1)
    mask = torch.ones_like(tokens)
    mask[1, :4] = mask[2, :7] = 0
    mask = mask if side == "left" else mask.flip(1)
    padded, labels = tokens.masked_fill(mask == 0, 0), torch.tensor([0, 2, 1], dtype=torch.long, device="cpu")
    of_sequences = sequences(padded, attention_mask=mask, labels=labels)
    of_tokens = each(padded, attention_mask=mask, labels=tokens % 3)
    assert of_tokens.loss.isfinite()
    torch.testing.assert_close(
        of_sequences.loss, F.cross_entropy(of_sequences.logits, labels), check_dtype=False, rtol=1e-5, atol=1e-6
    )
    for index, shown in enumerate(mask.bool()):
        alone = tokens[index, None, shown]
        torch.testing.assert_close(of_sequences.logits[index], sequences(alone).logits[0])
        torch.testing.assert_close(of_tokens.logits[index, shown], each(alone).logits[0])


def test_an_encoder_labels_tokens_and_is_no_language_model(tokens: Tensor) -> None:
    config = tiny(mechanism="softmax+rope", causal=False, num_labels=3)
    model = AutoModelForTokenClassification.from_config(config).eval()
    with torch.no_grad():
        changed = tokens.clone()
        changed[:, -1] = (changed[:, -1] + 1) % WORDS
        assert not torch.equal(model(changed).logits[:, 0], model(tokens).logits[:, 0])
    with pytest.raises(InputError, match="no causal language model"):
        LengthwiseForCausalLM(config)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"mechanism": "softmax+rop"}, "did you mean 'rope'"),
        ({"mechanism": "softmax+learned+abacus"}, "numbers tokens by marks"),
        ({"mechanism": "softmax+learned", "context": None}, "pass context="),
        ({"mechanism": "softmax+calibrated"}, "learns from a trained model first"),
        ({"hidden_size": 15}, "dim must be a multiple of heads"),
        ({"num_key_value_heads": 3}, "heads must be a multiple of kv_heads"),
    ],
)
def test_what_no_model_can_have_is_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        LengthwiseForCausalLM(tiny(**settings))
