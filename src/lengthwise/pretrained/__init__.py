"""Other people's models: finding them on disk or on the hub, finding their attention, and changing it."""

from typing import TYPE_CHECKING

from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.pretrained.swapping.loading import load_swapped
    from lengthwise.pretrained.swapping.swap import Swap, swap

__all__ = ["Swap", "load_swapped", "swap"]

__getattr__, __dir__ = on_demand(__name__)
