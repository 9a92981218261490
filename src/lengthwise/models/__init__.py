"""Models around attention: a decoder for sequences of tokens, a reader of sets, and a forecaster of series."""

from typing import TYPE_CHECKING

from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.models.building import Model, build
    from lengthwise.models.config import DecoderConfig, InvertedTransformerConfig, ModelConfig, SetReaderConfig
    from lengthwise.models.decoder import Decoder
    from lengthwise.models.generation import greedy
    from lengthwise.models.inverted_transformer import InvertedTransformer
    from lengthwise.models.output import ModelOutput
    from lengthwise.models.set_reader import SetReader

__all__ = [
    "Decoder",
    "DecoderConfig",
    "InvertedTransformer",
    "InvertedTransformerConfig",
    "Model",
    "ModelConfig",
    "ModelOutput",
    "SetReader",
    "SetReaderConfig",
    "build",
    "greedy",
]

__getattr__, __dir__ = on_demand(__name__)
