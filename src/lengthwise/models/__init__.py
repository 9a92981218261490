"""Models around the attention module."""

from lengthwise.models.decoder import Decoder, DecoderConfig

__all__ = ["Decoder", "DecoderConfig"]
