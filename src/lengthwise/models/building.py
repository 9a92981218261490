"""Builds a model from its configuration."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from lengthwise.models.config import (
    DecoderConfig,
    InvertedTransformerConfig,
    ModelConfig,
    SetMatcherConfig,
    SetReaderConfig,
)
from lengthwise.models.decoder import Decoder
from lengthwise.models.inverted_transformer import InvertedTransformer
from lengthwise.models.set_matcher import SetMatcher
from lengthwise.models.set_reader import SetReader

Model = Decoder | SetReader | InvertedTransformer | SetMatcher
MODELS: dict[type[ModelConfig], Callable[[Any], Model]] = {
    DecoderConfig: Decoder,
    SetReaderConfig: SetReader,
    InvertedTransformerConfig: InvertedTransformer,
    SetMatcherConfig: SetMatcher,
}


def build(config: ModelConfig) -> Model:
    """Build an untrained model, in float32 whatever torch's default dtype, so that a seed determines the model."""
    with in_float32_by_default():
        return MODELS[type(config)](config)


@contextmanager
def in_float32_by_default() -> Iterator[None]:
    """Make float32 torch's default dtype during a ``with`` block."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
