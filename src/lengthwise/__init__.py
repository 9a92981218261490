"""Train short, run long: transformers that hold beyond the sequence length they were trained on."""

from typing import TYPE_CHECKING

from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.analysis import load
    from lengthwise.attention import Attention, ThresholdRelativeAttention
    from lengthwise.models import Decoder, DecoderConfig
    from lengthwise.ops import threshold_relative_attention
    from lengthwise.pretrained import outputs

__version__ = "0.1.0"

__all__ = [
    "Attention",
    "Decoder",
    "DecoderConfig",
    "ThresholdRelativeAttention",
    "load",
    "outputs",
    "threshold_relative_attention",
]

__getattr__, __dir__ = on_demand(__name__)
