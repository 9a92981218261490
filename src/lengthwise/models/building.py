"""Builds a model from its configuration."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lengthwise.models.config import DecoderConfig, ModelConfig
from lengthwise.models.decoder import Decoder
from lengthwise.models.set_reader import SetReader


def build(config: ModelConfig) -> Decoder | SetReader:
    """Build an untrained model, in float32 whatever torch's default dtype, so that a seed determines the model."""
    with in_float32_by_default():
        return Decoder(config) if isinstance(config, DecoderConfig) else SetReader(config)


@contextmanager
def in_float32_by_default() -> Iterator[None]:
    """Make float32 torch's default dtype during a ``with`` block."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
