"""Builds a model from its configuration."""

import torch

from lengthwise.models.config import DecoderConfig, ModelConfig
from lengthwise.models.decoder import Decoder
from lengthwise.models.set_reader import SetReader


def build(config: ModelConfig) -> Decoder | SetReader:
    """Build an untrained model, in float32 whatever torch's default dtype, so that a seed determines the model."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        return Decoder(config) if isinstance(config, DecoderConfig) else SetReader(config)
    finally:
        torch.set_default_dtype(before)
