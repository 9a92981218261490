"""Weights parts turn scores into weights. Each part has its own file; a new part adds one line here."""

from typing import TYPE_CHECKING

from lengthwise.registry import Registry

if TYPE_CHECKING:
    from lengthwise.attention.parts import Weights

WEIGHTS: "Registry[type[Weights]]" = Registry(
    "weights part",
    {
        "softmax": "lengthwise.attention.weights.softmax:Softmax",
        "scalable-softmax": "lengthwise.attention.weights.scalable_softmax:ScalableSoftmax",
        "log-n": "lengthwise.attention.weights.log_n:LogN",
        "off-by-one": "lengthwise.attention.weights.sink:OffByOne",
        "learned-sink": "lengthwise.attention.weights.sink:LearnedSink",
        "entmax": "lengthwise.attention.weights.entmax:Entmax",
        "as-entmax": "lengthwise.attention.weights.as_entmax:AsEntmax",
        "top-k": "lengthwise.attention.weights.top_k:TopK",
        "banded": "lengthwise.attention.weights.local:Banded",
        "block-local": "lengthwise.attention.weights.local:BlockLocal",
        "reguformer": "lengthwise.attention.weights.reguformer:Reguformer",
        "softpick": "lengthwise.attention.weights.softpick:Softpick",
        "sigmoid": "lengthwise.attention.weights.sigmoid:Sigmoid",
        "nap": "lengthwise.attention.weights.nap:Nap",
        "lssar": "lengthwise.attention.weights.lssar:Lssar",
        "stick-breaking": "lengthwise.attention.weights.stick_breaking:StickBreaking",
        "selective": "lengthwise.attention.weights.selective:Selective",
        "differential": "lengthwise.attention.weights.differential:Differential",
        "differential-v2": "lengthwise.attention.weights.differential_v2:DifferentialV2",
        "threshold-differential": "lengthwise.attention.weights.threshold_differential:ThresholdDifferential",
        "dape": "lengthwise.attention.weights.dape:Dape",
        "dape-v2": "lengthwise.attention.weights.dape:DapeV2",
        "compositional": "lengthwise.attention.weights.compositional:Compositional",
        "doubly-normalised": "lengthwise.attention.weights.doubly_normalised:DoublyNormalised",
        "factored": "lengthwise.attention.weights.factored:Factored",
        "inline": "lengthwise.attention.weights.inline:InLine",
        "inline-local": "lengthwise.attention.weights.inline:InLineLocal",
        "t2r": "lengthwise.attention.weights.t2r:T2R",
        "fixation": "lengthwise.attention.weights.fixation:Fixation",
        "hadamard": "lengthwise.attention.weights.hadamard:Hadamard",
        "adaptive-temperature": "lengthwise.attention.weights.adaptive_temperature:AdaptiveTemperature",
        "top-1": "lengthwise.attention.weights.top_1:Top1",
        "threshold-relative": "lengthwise.attention.weights.threshold_relative:ThresholdRelative",
        "newest-kept": "lengthwise.attention.weights.newest_kept:NewestKept",
        "threshold-only": "lengthwise.attention.weights.threshold_ablations:ThresholdOnly",
        "distance-only": "lengthwise.attention.weights.threshold_ablations:DistanceOnly",
    },
)
