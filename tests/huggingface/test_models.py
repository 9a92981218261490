"""Models of this package as Hugging Face models: the same numbers, saved, padded, packed, trained, generated."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    DataCollatorWithFlattening,
    DynamicCache,
)

from lengthwise.attention.numberings import NUMBERINGS
from lengthwise.attention.positions import POSITIONS
from lengthwise.attention.weights import WEIGHTS
from lengthwise.errors import InputError
from lengthwise.huggingface import LengthwiseCache, LengthwiseConfig, LengthwiseForCausalLM
from lengthwise.models import Decoder

VOCABULARY = 40
CARRIED = [
    *(name for name in WEIGHTS if WEIGHTS.load(name).traits.causal),
    *(f"softmax+{name}" for name in POSITIONS if name not in ("nope", "calibrated")),
    *(f"softmax+learned+{name}" for name in NUMBERINGS if not NUMBERINGS.load(name).traits.reads_marks),
    "threshold-relative+layer-norm",
]


def built(mechanism: str = "threshold-relative", kind: Any = AutoModelForCausalLM, **settings: Any) -> Any:
    torch.manual_seed(0)
    config = LengthwiseConfig(
        vocab_size=VOCABULARY,
        dim=32,
        layers=2,
        heads=4,
        mechanism=mechanism,
        context=64,
        reach=64,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        **settings,
    )
    return kind.from_config(config).eval()


@pytest.fixture
def ids() -> torch.Tensor:
    return torch.randint(3, VOCABULARY, (2, 9), generator=torch.Generator().manual_seed(1))


def padded(ids: torch.Tensor, left: int = 0, right: int = 0) -> dict[str, torch.Tensor]:
    """Different paddings of the sequences: the first has none."""
    rows = [torch.nn.functional.pad(row, (left * place, right * place)) for place, row in enumerate(ids)]
    width = max(map(len, rows))
    sides = [(width - len(row), 0) if left else (0, width - len(row)) for row in rows]
    tokens = torch.stack([torch.nn.functional.pad(row, side) for row, side in zip(rows, sides, strict=True)])
    return {"input_ids": tokens, "attention_mask": (tokens != 0).long()}


def test_logits_and_loss_are_those_of_the_decoder(ids: torch.Tensor) -> None:
    model = built()
    decoder = Decoder(model.config.settings).eval()
    weights = {name.removeprefix("model.decoder."): weight for name, weight in model.state_dict().items()}
    decoder.load_state_dict(weights)
    with torch.no_grad():
        said = model(ids, labels=ids)
        wanted = decoder(ids).logits
    assert torch.equal(said.logits, wanted)
    loss = torch.nn.functional.cross_entropy(wanted[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    torch.testing.assert_close(said.loss, loss)


@pytest.mark.parametrize("mechanism", CARRIED)
def test_generated_with_a_cache_is_generated_without(mechanism: str, ids: torch.Tensor) -> None:
    """Greedy in a padded batch, and beams; both copy, drop and reorder what the cache holds."""
    model = built(mechanism)
    prompt = padded(ids, left=3)
    prompt["input_ids"] = torch.cat([torch.zeros(2, 1, dtype=torch.long), prompt["input_ids"]], 1)
    prompt["attention_mask"] = (prompt["input_ids"] != 0).long()
    for way in ({"do_sample": False}, {"num_beams": 3, "num_return_sequences": 2, "do_sample": False}):
        cached, plain = (
            model.generate(**prompt, max_new_tokens=9, use_cache=use_cache, **way) for use_cache in (True, False)
        )
        assert torch.equal(cached, plain), way


@pytest.mark.parametrize("mechanism", ["threshold-relative", "stick-breaking", "softmax+rope", "inline"])
def test_assisted_generation_is_greedy_generation(mechanism: str, ids: torch.Tensor) -> None:
    """A guess that is rejected is cropped from the cache."""
    model, helper = built(mechanism), built("softmax+alibi")
    wanted = model.generate(ids[:1], max_new_tokens=15, do_sample=False)
    assert torch.equal(model.generate(ids[:1], max_new_tokens=15, do_sample=False, assistant_model=helper), wanted)
    assert torch.equal(model.generate(ids[:1], max_new_tokens=15, do_sample=False, prompt_lookup_num_tokens=3), wanted)


def test_a_conversation_goes_on_from_its_cache(ids: torch.Tensor) -> None:
    model, cache, greedy = built(), LengthwiseCache(), {"do_sample": False, "suppress_tokens": [0, 2]}
    first = model.generate(ids, max_new_tokens=4, past_key_values=cache, **greedy)
    assert cache.get_seq_length() == first.shape[1] - 1
    second = model.generate(first, max_new_tokens=4, past_key_values=cache, **greedy)
    assert torch.equal(second, model.generate(ids, max_new_tokens=8, **greedy))
    cache.crop(-3)
    assert cache.get_seq_length() == second.shape[1] - 4
    cache.crop(5)
    assert cache.get_seq_length() == 5


def test_a_cache_repeats_and_selects_sequences(ids: torch.Tensor) -> None:
    model = built()
    with torch.no_grad():
        cache = model(ids).past_key_values
        cache.batch_repeat_interleave(2)
        cache.batch_select_indices(torch.tensor([3, 0]))
        said = model(torch.full((2, 1), 7), past_key_values=cache).logits
        rows = torch.cat([ids[[1, 0]], torch.full((2, 1), 7)], 1)
        torch.testing.assert_close(said[:, 0], model(rows).logits[:, -1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("side", [{"left": 4}, {"right": 4}])
@pytest.mark.parametrize("mechanism", ["threshold-relative", "softmax+rope", "softmax+learned", "stick-breaking"])
def test_padding_changes_nothing(mechanism: str, side: dict[str, int], ids: torch.Tensor) -> None:
    model = built(mechanism)
    batch = padded(ids, **side)
    with torch.no_grad():
        said, alone = model(**batch).logits, model(ids).logits
    torch.testing.assert_close(said[batch["attention_mask"].bool()], alone.flatten(0, 1), atol=1e-5, rtol=1e-5)


def test_packed_by_transformers_is_separate() -> None:
    model = built("softmax+rope")
    texts = [{"input_ids": torch.arange(3, 3 + length).tolist()} for length in (5, 9, 2)]
    packed = DataCollatorWithFlattening(return_tensors="pt")(texts)
    with torch.no_grad():
        said = model(input_ids=packed["input_ids"], position_ids=packed["position_ids"]).logits[0]
        alone = torch.cat([model(torch.tensor([text["input_ids"]])).logits[0] for text in texts])
    torch.testing.assert_close(said, alone, atol=1e-5, rtol=1e-5)


def test_saved_is_loaded(tmp_path: Path, ids: torch.Tensor) -> None:
    model = built("top-k[kept=3]+rope[base=5e5]", tied_head=True)
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    again = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert again.config.mechanism == "top-k[kept=3]+rope[base=500000]"
    assert again.head.weight is again.get_input_embeddings().weight
    with torch.no_grad():
        assert torch.equal(again(ids).logits, model(ids).logits)
        body = AutoModel.from_pretrained(tmp_path).eval()
        hidden = model(ids, output_hidden_states=True).hidden_states
        assert torch.equal(body(ids).last_hidden_state, hidden[-1])
    assert len(hidden) == 3
    assert AutoConfig.from_pretrained(tmp_path).hidden_size == 32


def test_a_larger_vocabulary_keeps_its_tokens(ids: torch.Tensor) -> None:
    model = built()
    before = model(ids).logits
    model.resize_token_embeddings(VOCABULARY + 3)
    assert model.config.vocab_size == model.config.settings.vocab_size == VOCABULARY + 3
    assert torch.equal(model(ids).logits[..., :VOCABULARY], before)


def test_checkpointed_gradients_are_the_gradients(ids: torch.Tensor) -> None:
    model = built().train()
    model(ids, labels=ids).loss.backward()
    before = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    model.gradient_checkpointing_enable()
    assert model.model.decoder.gradient_checkpointing
    model(ids, labels=ids).loss.backward()
    for parameter, gradient in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_vectors_in_place_of_tokens(ids: torch.Tensor) -> None:
    model = built()
    with torch.no_grad():
        vectors = model.get_input_embeddings()(ids)
        assert torch.equal(model(inputs_embeds=vectors).logits, model(ids).logits)
        assert torch.equal(model(ids, logits_to_keep=2).logits, model(ids).logits[:, -2:])


def test_tokens_and_sequences_are_classified(ids: torch.Tensor) -> None:
    batch = padded(ids, left=3)
    tokens, sequences = (
        built("softmax+rope", kind, num_labels=5)
        for kind in (AutoModelForTokenClassification, AutoModelForSequenceClassification)
    )
    said = tokens(**batch, labels=batch["input_ids"] % 5)
    assert said.logits.shape == (*batch["input_ids"].shape, 5)
    assert said.loss.isfinite()
    sequences.score.weight.data = tokens.score.weight.data
    sequences.model = tokens.model
    right = padded(ids, right=3)
    for of, last in ((batch, slice(-1, None)), (right, slice(8, 9))):
        said = sequences(**of, labels=torch.tensor([1, 4]))
        torch.testing.assert_close(said.logits, tokens(**of).logits[:, last][:, 0])
        assert said.loss.isfinite()


def refusals(ids: torch.Tensor) -> list[tuple[str, dict[str, Any]]]:
    holes = torch.ones_like(ids)
    holes[:, 4] = 0
    return [
        ("padding between tokens", {"attention_mask": holes}),
        (r"attention_mask is \(batch, tokens\)", {"attention_mask": torch.ones(2, 1, 9, 9)}),
        ("must count the tokens of each sequence", {"position_ids": torch.arange(9)[None] + 5}),
        ("must be a LengthwiseCache", {"past_key_values": DynamicCache()}),
        ("output_attentions is not available", {"output_attentions": True}),
    ]


@pytest.mark.parametrize("which", range(5))
def test_what_cannot_be_served_is_refused_in_a_sentence(which: int, ids: torch.Tensor) -> None:
    sentence, given = refusals(ids)[which]
    with pytest.raises(InputError, match=sentence), torch.no_grad():
        built()(ids, **given)


def test_mechanisms_and_caches_that_cannot_be_are_refused(ids: torch.Tensor) -> None:
    with pytest.raises(InputError, match="numbers tokens by marks"):
        LengthwiseConfig(mechanism="softmax+learned+coupled")
    with pytest.raises(InputError, match="no weights called 'softmx'"):
        LengthwiseConfig(mechanism="softmx")
    with pytest.raises(InputError, match="drop cache_implementation='static'"):
        built().generate(ids, max_new_tokens=2, cache_implementation="static")
    assert isinstance(built(), LengthwiseForCausalLM)


def test_transformers_own_loop_trains_it(tmp_path: Path) -> None:
    """With weights that are saved on the way, and a loop that goes on from them."""
    from transformers import Trainer, TrainingArguments

    model = built("softmax+rope").train()
    rows = [{"input_ids": row, "labels": row} for row in torch.arange(3, 35).repeat(16, 1)]

    def loop(steps: int) -> Any:
        arguments = TrainingArguments(
            str(tmp_path), max_steps=steps, learning_rate=1e-2, report_to="none", use_cpu=True, save_steps=10
        )
        return Trainer(model, arguments, train_dataset=rows)

    begun = loop(10).train().training_loss
    ended = loop(30)
    ended.train(resume_from_checkpoint=str(tmp_path / "checkpoint-10"))
    assert ended.state.global_step == 30
    assert ended.evaluate(rows)["eval_loss"] < begun / 2
