"""Models around attention: a decoder of tokens, a reader of sets, a matcher of two sets, and a forecaster of series."""

from typing import TYPE_CHECKING

from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.models.backbone import Backbone
    from lengthwise.models.building import Model, build
    from lengthwise.models.config import (
        DecoderConfig,
        InvertedTransformerConfig,
        ModelConfig,
        SetMatcherConfig,
        SetReaderConfig,
    )
    from lengthwise.models.decoder import Decoder
    from lengthwise.models.generation import greedy
    from lengthwise.models.inverted_transformer import InvertedTransformer
    from lengthwise.models.output import ModelOutput
    from lengthwise.models.set_matcher import SetMatcher
    from lengthwise.models.set_reader import SetReader

__all__ = [
    "Backbone",
    "Decoder",
    "DecoderConfig",
    "InvertedTransformer",
    "InvertedTransformerConfig",
    "Model",
    "ModelConfig",
    "ModelOutput",
    "SetMatcher",
    "SetMatcherConfig",
    "SetReader",
    "SetReaderConfig",
    "build",
    "greedy",
]

__getattr__, __dir__ = on_demand(__name__)
