"""Weights parts: what turns scores into weights. One file each; a new one is one more line here."""

from lengthwise.attention.parts import Weights
from lengthwise.registry import Registry

WEIGHTS: Registry[type[Weights]] = Registry(
    "weights part",
    {
        "softmax": "lengthwise.attention.weights.softmax:Softmax",
        "threshold-relative": "lengthwise.attention.weights.threshold_relative:ThresholdRelative",
    },
)
