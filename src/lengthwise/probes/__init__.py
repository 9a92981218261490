"""Probes: what happens to the attention inside a model as its input grows, measured with hooks."""

from lengthwise.probes.estimate import Estimate
from lengthwise.probes.module import LayerVariance, variance

__all__ = ["Estimate", "LayerVariance", "variance"]
