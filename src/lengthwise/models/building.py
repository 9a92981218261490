"""From a configuration to its model."""

import torch

from lengthwise.models.config import DecoderConfig, ModelConfig
from lengthwise.models.decoder import Decoder
from lengthwise.models.set_reader import SetReader


def build(config: ModelConfig) -> Decoder | SetReader:
    """The model of a configuration, untrained; in float32 whatever torch's default is, so a seed gives one model."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        return Decoder(config) if isinstance(config, DecoderConfig) else SetReader(config)
    finally:
        torch.set_default_dtype(before)
