"""Models around attention: a decoder for sequences of tokens and a reader of sets."""

from typing import TYPE_CHECKING

from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.models.backbone import Backbone
    from lengthwise.models.building import build
    from lengthwise.models.config import DecoderConfig, ModelConfig, SetReaderConfig
    from lengthwise.models.decoder import Decoder
    from lengthwise.models.generation import greedy
    from lengthwise.models.output import ModelOutput
    from lengthwise.models.set_reader import SetReader

__all__ = [
    "Backbone",
    "Decoder",
    "DecoderConfig",
    "ModelConfig",
    "ModelOutput",
    "SetReader",
    "SetReaderConfig",
    "build",
    "greedy",
]

__getattr__, __dir__ = on_demand(__name__)
