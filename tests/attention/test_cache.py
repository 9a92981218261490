"""The cache goes on with other sequences, or from an earlier token, as if it had read nothing else."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lengthwise import Attention, Decoder, DecoderConfig
from lengthwise.attention import KeyValueCache
from lengthwise.attention.cache import LayerCache
from lengthwise.errors import InputError

Said = dict[str, Tensor]


def of_tokens(hidden: Tensor) -> list[Said]:
    """Nothing said of the tokens, or their documents, or their positions, of each sequence or of all at once."""
    batch, tokens = hidden.shape[:2]
    positions = torch.arange(tokens).expand(batch, -1)
    documents = positions // 40 + torch.arange(batch)[:, None]
    every = [{}, {"document_ids": documents}, {"positions": positions + torch.arange(batch)[:, None]}]
    return [*every, {"positions": positions[:1]}]


def read(attention: Attention, hidden: Tensor, said: Said, start: int, stop: int, cache: LayerCache) -> Tensor:
    return attention(hidden[:, start:stop], cache=cache, **{name: of[:, start:stop] for name, of in said.items()})


def assert_close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-10 * expected.abs().max().item())


@pytest.mark.parametrize("indices", [[2, 0, 1], [1, 1, 0, 2], [0]])
@torch.no_grad()
def test_reordered_is_read_in_that_order(attention: Attention, hidden: Tensor, indices: list[int]) -> None:
    beams = torch.tensor(indices)
    for said in of_tokens(hidden):
        cache = LayerCache()
        read(attention, hidden, said, 0, 70, cache)
        read(attention, hidden, said, 70, 71, cache)
        cache.reorder(beams)
        hidden_of_beams = hidden[beams].clone()
        hidden_of_beams[:, 71:] = torch.randn_like(hidden_of_beams[:, 71:])  # each goes on as it will
        said = {name: of if len(of) == 1 else of[beams] for name, of in said.items()}
        parts = [read(attention, hidden_of_beams, said, *part, cache) for part in ((71, 72), (72, 100))]
        expected = attention(hidden_of_beams[:, :100], **{name: of[:, :100] for name, of in said.items()})
        assert_close(torch.cat(parts, 1), expected[:, 71:])


@torch.no_grad()
def test_one_sequence_becomes_many(attention: Attention, hidden: Tensor) -> None:
    for said in of_tokens(hidden[:1]):
        cache = LayerCache()
        read(attention, hidden[:1], said, 0, 70, cache)
        cache.reorder(torch.tensor([0, 0, 0]))
        beams = torch.cat([hidden[:1, :70].expand(3, -1, -1), hidden[:, 70:]], 1)
        said = {name: of.expand(3, -1) if name == "document_ids" else of for name, of in said.items()}
        assert_close(read(attention, beams, said, 70, 90, cache), attention(beams, **said)[:, 70:90])


@pytest.mark.parametrize("tokens", [0, 1, 64, 70])
@torch.no_grad()
def test_cropped_has_never_read_the_rest(attention: Attention, hidden: Tensor, tokens: int) -> None:
    for said in of_tokens(hidden):
        cache, other = LayerCache(), torch.randn_like(hidden)
        read(attention, hidden, said, 0, tokens, cache)
        for part in ((tokens, tokens + 1), (tokens + 1, 100)):
            read(attention, other, said, *part, cache)
        cache.crop(tokens)
        assert cache.tokens == tokens
        parts = [read(attention, hidden, said, *part, cache) for part in ((tokens, tokens + 1), (tokens + 1, 100))]
        expected = attention(hidden[:, :100], **{name: of[:, :100] for name, of in said.items()})
        assert_close(torch.cat(parts, 1), expected[:, tokens:])


@pytest.fixture(params=["softmax+rope", "softmax+rope+abacus", "softmax+learned", "selective+alibi", "t2r"])
def decoder(request: pytest.FixtureRequest) -> Callable[..., Tensor]:
    torch.manual_seed(0)
    config = DecoderConfig(vocab_size=7, dim=16, heads=2, mechanism=request.param, context=60, marks=30)
    model = Decoder(config).double().eval()

    def logits(tokens: Tensor, cache: KeyValueCache | None = None, start: int = 0) -> Tensor:
        said = {"marks": tokens % 3, "document_ids": torch.arange(tokens.shape[1]).expand_as(tokens) // 20}
        return model(tokens[:, start:], cache=cache, **{name: of[:, start:] for name, of in said.items()}).logits

    return logits


@torch.no_grad()
def test_beam_search_is_recomputation(decoder: Callable[..., Tensor]) -> None:
    """Three beams of one sequence, each step the likeliest of all continuations."""
    cache, beams = KeyValueCache(), torch.randint(7, (1, 30), generator=torch.Generator().manual_seed(0))
    last, likelihood = decoder(beams, cache)[:, -1], torch.zeros(1, 1, dtype=torch.float64)
    for _ in range(8):
        likelihood, best = (likelihood + last.log_softmax(-1)).flatten().topk(3)
        likelihood, of_beam = likelihood[:, None], best // 7
        beams = torch.cat([beams[of_beam], best[:, None] % 7], 1)
        cache.reorder(of_beam)
        last = decoder(beams, cache, start=cache.tokens)[:, -1]
        assert_close(last, decoder(beams)[:, -1])


@torch.no_grad()
def test_a_guess_is_taken_back(decoder: Callable[..., Tensor]) -> None:
    tokens = torch.randint(7, (2, 50), generator=torch.Generator().manual_seed(0))
    guess, cache = tokens.clone(), KeyValueCache()
    guess[:, 33:] = (guess[:, 33:] + 1) % 7
    decoder(guess, cache)
    cache.crop(33)
    assert cache.tokens == 33
    assert_close(decoder(tokens, cache, start=33), decoder(tokens)[:, 33:])


def test_what_a_cache_cannot_do_is_said(attention: Attention, hidden: Tensor) -> None:
    cache = KeyValueCache()
    cache.reorder(torch.tensor([0]))  # of nothing
    cache.crop(0)
    with torch.no_grad():
        attention(hidden, cache=cache[0])
    with pytest.raises(InputError, match="sequences 0 to 2; got indices 0 to 3"):
        cache.reorder(torch.tensor([0, 3]))
    with pytest.raises(InputError, match="list of integers"):
        cache.reorder(torch.tensor([0.0]))
    for tokens in (-1, 151):
        with pytest.raises(InputError, match="holds 150 tokens and cannot be cropped"):
            cache.crop(tokens)
