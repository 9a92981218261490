"""Small decoders and tasks for proofs."""

from collections.abc import Callable

import pytest
import torch

from lengthwise import Decoder, DecoderConfig
from lengthwise.tasks.machine import MooreMachine

Make = Callable[..., Decoder]


@pytest.fixture
def make() -> Make:
    """A decoder with random weights, larger than those that a training begins with."""

    def decoder(mechanism: str = "newest-kept", seed: int = 0, **settings: object) -> Decoder:
        torch.manual_seed(seed)
        config = {"vocab_size": 3, "dim": 16, "heads": 2, "layers": 2} | settings
        model = Decoder(DecoderConfig(mechanism=mechanism, **config))  # type: ignore[arg-type]
        with torch.no_grad():
            model.embedding.weight.mul_(30)
            model.head.weight.mul_(30)
        return model.eval()

    return decoder


@pytest.fixture
def any_tokens() -> MooreMachine:
    """Three tokens in any order; the right answer is the newest token."""
    return MooreMachine.of(None, lambda state: {0: 0, 1: 1, 2: 2}, lambda state: state)
