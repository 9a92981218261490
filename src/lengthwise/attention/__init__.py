"""Attention modules: one multi-head module, and mechanisms made of a position, a weights and an output part."""

from typing import TYPE_CHECKING

from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.attention.cache import KeyValueCache
    from lengthwise.attention.mechanism import Mechanism
    from lengthwise.attention.multi_head import Attention, ThresholdRelativeAttention

__all__ = ["Attention", "KeyValueCache", "Mechanism", "ThresholdRelativeAttention"]

__getattr__, __dir__ = on_demand(__name__)
