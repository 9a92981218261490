"""Train short, run long: transformers that hold beyond the sequence length they were trained on."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lengthwise.attention import Attention, ThresholdRelativeAttention, outputs
    from lengthwise.models import Decoder, DecoderConfig
    from lengthwise.ops import threshold_relative_attention

__version__ = "0.1.0"

__all__ = [
    "Attention",
    "Decoder",
    "DecoderConfig",
    "ThresholdRelativeAttention",
    "outputs",
    "threshold_relative_attention",
]

_MODULES = {
    "Attention": "lengthwise.attention",
    "Decoder": "lengthwise.models",
    "DecoderConfig": "lengthwise.models",
    "ThresholdRelativeAttention": "lengthwise.attention",
    "outputs": "lengthwise.attention",
    "threshold_relative_attention": "lengthwise.ops",
}
"""Where the public names are. They come when they are asked for (PEP 562): the command line's help needs no torch."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
