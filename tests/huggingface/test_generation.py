"""``generate`` with the cache gives what it gives without the cache, whatever the mechanism."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.huggingface.pairs import CARRIED, Pair
from torch import Tensor
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

from lengthwise.errors import InputError
from lengthwise.huggingface import LengthwiseForCausalLM
from lengthwise.models import greedy
from lengthwise.pretrained.cache import CACHE

NEW = 6
PAIR = Callable[..., Pair]


@pytest.fixture(params=CARRIED)
def both(request: pytest.FixtureRequest, pair: PAIR) -> Pair:
    return pair(request.param)


def continued(model: LengthwiseForCausalLM, tokens: Tensor, **how: Any) -> Tensor:
    """New tokens alone; no token of the vocabulary ends a sequence."""
    said = model.generate(tokens, max_new_tokens=NEW, do_sample=False, **how)
    assert isinstance(said, Tensor)
    return said[:, tokens.shape[1] :]


def left_padded(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Prompts of 9, 4 and 6 tokens, and their mask."""
    mask = torch.ones_like(tokens)
    mask[1, :5], mask[2, :3] = 0, 0
    return tokens.masked_fill(mask == 0, 0), mask


def test_greedy_is_that_of_the_decoder(both: Pair, tokens: Tensor) -> None:
    decoder, model = both
    ours, _ = greedy(decoder, tokens, NEW)
    assert torch.equal(continued(model, tokens), ours[:, 9:])
    assert torch.equal(continued(model, tokens, use_cache=False), ours[:, 9:])


def test_a_padded_batch_is_its_prompts_one_by_one(both: Pair, tokens: Tensor) -> None:
    _, model = both
    padded, mask = left_padded(tokens)
    together = continued(model, padded, attention_mask=mask)
    alone = [
        continued(model, row[None, shown.bool()], use_cache=False) for row, shown in zip(padded, mask, strict=True)
    ]
    assert torch.equal(together, torch.cat(alone))


def test_beams_can_be_reordered(both: Pair, tokens: Tensor) -> None:
    _, model = both
    padded, mask = left_padded(tokens)
    searched = continued(model, padded, attention_mask=mask, num_beams=3)
    assert torch.equal(searched, continued(model, padded, attention_mask=mask, num_beams=3, use_cache=False))


def test_guesses_can_be_taken_back(both: Pair, tokens: Tensor) -> None:
    """Guesses are taken from the prompt, whose words come again and again."""
    _, model = both
    prompt = tokens[:1].repeat(1, 2)
    assert torch.equal(continued(model, prompt, prompt_lookup_num_tokens=3), continued(model, prompt, use_cache=False))


@pytest.mark.parametrize("mechanism", ["threshold-relative", "softmax+rope", "selective"])
def test_an_assistant(mechanism: str, pair: PAIR, tokens: Tensor) -> None:
    model, assistant = pair(mechanism)[1], pair("softmax+alibi", layers=1)[1]
    helped = continued(model, tokens[:1], assistant_model=assistant)
    assert torch.equal(helped, continued(model, tokens[:1], use_cache=False))


def test_a_prompt_of_embeddings(pair: PAIR, tokens: Tensor) -> None:
    decoder, model = pair("softmax+learned")
    embedded = decoder.embedding(tokens).detach()
    said = model.generate(inputs_embeds=embedded, max_new_tokens=NEW, do_sample=False)
    assert torch.equal(said, continued(model, tokens))


@pytest.mark.parametrize("mechanism", ["threshold-relative", "softmax+rope"])
def test_sampling_draws_the_same_with_and_without_a_cache(mechanism: str, pair: PAIR, tokens: Tensor) -> None:
    model, drawn = pair(mechanism)[1], []
    for use_cache in (True, False):
        torch.manual_seed(0)
        drawn.append(
            model.generate(tokens, max_new_tokens=NEW, do_sample=True, num_return_sequences=4, use_cache=use_cache)
        )
    assert torch.equal(*drawn)
    assert len(drawn[0].unique(dim=0)) > 3


@pytest.mark.parametrize("mechanism", ["threshold-relative", "softmax+learned", "selective", "softmax+forgetting"])
def test_a_cache_can_be_repeated_selected_cropped_and_reset(mechanism: str, pair: PAIR, tokens: Tensor) -> None:
    model = pair(mechanism)[1]
    padded, mask = left_padded(tokens)
    cache = DynamicCache()
    with torch.no_grad():
        model(padded[:, :7], attention_mask=mask[:, :7], past_key_values=cache)
        assert cache.get_seq_length() == 7
        cache.batch_repeat_interleave(2)
        cache.batch_select_indices(torch.tensor([5, 0, 3], dtype=torch.long, device="cpu"))
        order = [2, 0, 1]
        model(padded[order, 7:], attention_mask=mask[order], past_key_values=cache)
        cache.crop(-1)
        assert cache.get_seq_length() == 8
        last = model(padded[order, 8:], attention_mask=mask[order], past_key_values=cache).logits[:, -1]
        torch.testing.assert_close(last, model(padded[order], attention_mask=mask[order]).logits[:, -1])
        cache.reset()
        assert cache.get_seq_length() == 0
        again = model(tokens, past_key_values=cache).logits
        torch.testing.assert_close(again, model(tokens).logits)


def test_a_second_turn_goes_on_with_the_cache_of_the_first(pair: PAIR, tokens: Tensor) -> None:
    model = pair("threshold-relative")[1]
    cache = DynamicCache(config=model.config)
    first = continued(model, tokens, **{CACHE: cache})
    prompt = torch.cat([tokens, first, tokens[:, :4]], 1)
    second = continued(model, prompt, **{CACHE: cache})
    assert torch.equal(second, continued(model, prompt, use_cache=False))


@pytest.mark.parametrize("implementation", ["static", "offloaded"])
def test_other_caches_are_refused(implementation: str, pair: PAIR, tokens: Tensor) -> None:
    with pytest.raises(InputError, match="give a DynamicCache"):
        continued(pair("softmax")[1], tokens, cache_implementation=implementation)


def test_layers_that_do_more_than_grow_are_refused(pair: PAIR, tokens: Tensor) -> None:
    class Quantised(DynamicLayer):  # type: ignore[misc]
        """As transformers' quantised layers, which need a package more."""

    for cache in (Cache(layers=[Quantised(), Quantised()]), Cache(layer_class_to_replicate=Quantised)):
        with torch.no_grad(), pytest.raises(InputError, match="give a DynamicCache"):
            pair("softmax")[1](tokens, past_key_values=cache)


def test_caches_of_other_models_are_refused(pair: PAIR, build: Callable[[str], Any], tokens: Tensor) -> None:
    model, other = pair("softmax")[1], build("llama")
    of_other, of_ours = DynamicCache(), DynamicCache()
    with torch.no_grad():
        other(tokens, **{CACHE: of_other})
        with pytest.raises(InputError, match="tokens of another model"):
            model(tokens, past_key_values=of_other)
        model(tokens, past_key_values=of_ours)
        with pytest.raises(InputError, match="another model cannot write"):
            other(tokens, **{CACHE: of_ours})
        with pytest.raises(InputError, match="2 layers and belongs to another model; this one has 3"):
            pair("softmax", layers=3)[1](tokens, past_key_values=of_ours)
    with pytest.raises(InputError, match="inference"):
        model(tokens, past_key_values=of_ours)
