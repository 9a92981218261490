"""The decoder without its head: embeddings in place of tokens, and gradient checkpointing."""

import pytest
import torch

from lengthwise import Decoder, DecoderConfig
from lengthwise.errors import InputError
from lengthwise.models import Backbone


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randint(7, (2, 30), generator=torch.Generator().manual_seed(0), dtype=torch.long, device="cpu")


@pytest.mark.parametrize("mechanism", ["threshold-relative", "softmax+sinusoidal", "softmax+learned+shifted"])
def test_embeddings_in_place_of_tokens(mechanism: str, tokens: torch.Tensor) -> None:
    config = DecoderConfig(vocab_size=7, dim=16, mechanism=mechanism, context=20, reach=60)
    model = Backbone(config).double().eval()
    hidden, positions = model.read(tokens)
    given, again = model.read(embeddings=model.embedding(tokens))
    assert torch.equal(given, hidden)
    torch.testing.assert_close(again, positions, rtol=0, atol=0)  # two None are close, too


def test_either_tokens_or_embeddings(tokens: torch.Tensor) -> None:
    model = Backbone(DecoderConfig(vocab_size=7, dim=16))
    with pytest.raises(InputError, match="either tokens or"):
        model.read()
    with pytest.raises(InputError, match="either tokens or"):
        model.read(tokens, embeddings=model.embedding(tokens))
    with pytest.raises(InputError, match="tokens, 16"):
        model.read(embeddings=torch.zeros(2, 30, 15, dtype=torch.float32, device="cpu"))


def test_a_decoder_is_a_backbone_with_a_head_on_it(tokens: torch.Tensor) -> None:
    model = Decoder(DecoderConfig(vocab_size=7)).double()
    said, (hidden, _) = model(tokens), model.read(tokens)
    assert torch.equal(said.hidden, hidden)
    assert torch.equal(said.logits, model.head(hidden))


def test_gradient_checkpointing_changes_no_gradient_and_keeps_less(tokens: torch.Tensor) -> None:
    torch.manual_seed(0)
    model = Decoder(DecoderConfig(vocab_size=7, dim=16, dropout=0.1, mechanism="softmax+rope", layers=3)).double()

    def trained() -> tuple[list[torch.Tensor], int]:
        torch.manual_seed(1)  # of the dropout
        kept: list[torch.Tensor] = []

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            kept.append(tensor)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = model(tokens).logits.square().sum()
        return list(torch.autograd.grad(loss, list(model.parameters()))), sum(tensor.numel() for tensor in kept)

    plain, all_kept = trained()
    model.gradient_checkpointing = True
    recomputed, kept = trained()
    for one, other in zip(plain, recomputed, strict=True):
        assert torch.equal(one, other)
    assert kept < all_kept / 2
