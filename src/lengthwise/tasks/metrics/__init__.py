"""Metrics of a model's answers. Each metric has its own file; a task lists its own metrics."""

from typing import TYPE_CHECKING

from lengthwise.registry import Registry
from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.tasks.metrics.absolute_error import AbsoluteError
    from lengthwise.tasks.metrics.bits_per_byte import BitsPerByte
    from lengthwise.tasks.metrics.causes import Cause, Dispersion, Ordering, RightKey
    from lengthwise.tasks.metrics.cross_entropy import CrossEntropy
    from lengthwise.tasks.metrics.ending import DidNotStop, Ending, StoppedEarly, WrongContent
    from lengthwise.tasks.metrics.exact_match import Accuracy, ExactMatch
    from lengthwise.tasks.metrics.loading import load_metric
    from lengthwise.tasks.metrics.matching import FoundPartner, ToldPartner
    from lengthwise.tasks.metrics.metric import Answered, Loss, Metric, Share, ShareOfExamples
    from lengthwise.tasks.metrics.perplexity import Perplexity
    from lengthwise.tasks.metrics.squared_error import SquaredError
    from lengthwise.tasks.metrics.token_accuracy import TokenAccuracy
    from lengthwise.tasks.metrics.total_variation import TotalVariation

__all__ = [
    "METRICS",
    "AbsoluteError",
    "Accuracy",
    "Answered",
    "BitsPerByte",
    "Cause",
    "CrossEntropy",
    "DidNotStop",
    "Dispersion",
    "Ending",
    "ExactMatch",
    "FoundPartner",
    "Loss",
    "Metric",
    "Ordering",
    "Perplexity",
    "RightKey",
    "Share",
    "ShareOfExamples",
    "SquaredError",
    "StoppedEarly",
    "TokenAccuracy",
    "ToldPartner",
    "TotalVariation",
    "WrongContent",
    "load_metric",
]

__getattr__, __dir__ = on_demand(__name__)

METRICS: "Registry[type[Metric]]" = Registry(
    "metric",
    {
        "exact_match": "lengthwise.tasks.metrics.exact_match:ExactMatch",
        "token_accuracy": "lengthwise.tasks.metrics.token_accuracy:TokenAccuracy",
        "did_not_stop": "lengthwise.tasks.metrics.ending:DidNotStop",
        "stopped_early": "lengthwise.tasks.metrics.ending:StoppedEarly",
        "wrong_content": "lengthwise.tasks.metrics.ending:WrongContent",
        "total_variation": "lengthwise.tasks.metrics.total_variation:TotalVariation",
        "perplexity": "lengthwise.tasks.metrics.perplexity:Perplexity",
        "absolute_error": "lengthwise.tasks.metrics.absolute_error:AbsoluteError",
        "squared_error": "lengthwise.tasks.metrics.squared_error:SquaredError",
        "told_partner": "lengthwise.tasks.metrics.matching:ToldPartner",
        "found_partner": "lengthwise.tasks.metrics.matching:FoundPartner",
        "loss": "lengthwise.tasks.metrics.cross_entropy:CrossEntropy",
        "right_key": "lengthwise.tasks.metrics.causes:RightKey",
        "dispersion": "lengthwise.tasks.metrics.causes:Dispersion",
        "ordering": "lengthwise.tasks.metrics.causes:Ordering",
    },
)
