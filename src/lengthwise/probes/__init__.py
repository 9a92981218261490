"""Probes: hooks that measure how the attention inside a model changes as its input grows."""

from typing import TYPE_CHECKING

from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.evaluation.resolution import attention_resolution
    from lengthwise.probes.module import LayerVariance, variance
    from lengthwise.probes.received import explained_away
    from lengthwise.statistics.estimate import Estimate

__all__ = ["Estimate", "LayerVariance", "attention_resolution", "explained_away", "variance"]
__getattr__, __dir__ = on_demand(__name__)
