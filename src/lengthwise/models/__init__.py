"""Models around attention: a decoder of tokens, a reader of sets."""

from lengthwise.models.decoder import Decoder, DecoderConfig
from lengthwise.models.greedy import greedy
from lengthwise.models.set_reader import SetReader, SetReaderConfig

__all__ = ["Decoder", "DecoderConfig", "ModelConfig", "SetReader", "SetReaderConfig", "build", "greedy"]

ModelConfig = DecoderConfig | SetReaderConfig


def build(config: ModelConfig) -> Decoder | SetReader:
    """The model of a configuration, untrained."""
    return Decoder(config) if isinstance(config, DecoderConfig) else SetReader(config)
