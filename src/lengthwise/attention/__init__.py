"""Attention modules: self-attention, cross-attention, and mechanisms made of position, weights and output parts."""

from typing import TYPE_CHECKING

from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.attention.cache import KeyValueCache
    from lengthwise.attention.cross import CrossAttention
    from lengthwise.attention.matchability import MatchabilityAttention
    from lengthwise.attention.mechanism import Mechanism
    from lengthwise.attention.multi_head import Attention, ThresholdRelativeAttention

__all__ = [
    "Attention",
    "CrossAttention",
    "KeyValueCache",
    "MatchabilityAttention",
    "Mechanism",
    "ThresholdRelativeAttention",
]

__getattr__, __dir__ = on_demand(__name__)
