"""Probes: what happens to the attention inside a model as its input grows, measured with hooks."""

from lengthwise.probes.module import LayerVariance, variance
from lengthwise.statistics.estimate import Estimate

__all__ = ["Estimate", "LayerVariance", "variance"]
