"""Weights parts: what turns scores into weights. One file each; a new one is one more line here."""

from lengthwise.attention.parts import Weights
from lengthwise.registry import Registry

WEIGHTS: Registry[type[Weights]] = Registry(
    "weights part",
    {
        "softmax": "lengthwise.attention.weights.softmax:Softmax",
        "scalable-softmax": "lengthwise.attention.weights.scalable_softmax:ScalableSoftmax",
        "log-n": "lengthwise.attention.weights.log_n:LogN",
        "entmax": "lengthwise.attention.weights.entmax:Entmax",
        "adaptive-temperature": "lengthwise.attention.weights.adaptive_temperature:AdaptiveTemperature",
        "top-1": "lengthwise.attention.weights.top_1:TopOne",
        "threshold-relative": "lengthwise.attention.weights.threshold_relative:ThresholdRelative",
    },
)
