"""Models around attention: a decoder of tokens, a reader of sets."""

import torch

from lengthwise.models.decoder import Decoder, DecoderConfig
from lengthwise.models.greedy import greedy
from lengthwise.models.set_reader import SetReader, SetReaderConfig

__all__ = ["Decoder", "DecoderConfig", "ModelConfig", "SetReader", "SetReaderConfig", "build", "greedy"]

ModelConfig = DecoderConfig | SetReaderConfig


def build(config: ModelConfig) -> Decoder | SetReader:
    """The model of a configuration, untrained; in float32 whatever torch's default is, so a seed gives one model."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        return Decoder(config) if isinstance(config, DecoderConfig) else SetReader(config)
    finally:
        torch.set_default_dtype(before)
