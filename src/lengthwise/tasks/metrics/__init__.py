"""Metrics of a model's answers. Each metric has its own file; a task lists its own metrics."""

from typing import TYPE_CHECKING

from lengthwise.errors import InputError
from lengthwise.registry import Registry
from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.tasks.metrics.causes import Cause, Dispersion, Ordering, RightKey
    from lengthwise.tasks.metrics.cross_entropy import CrossEntropy
    from lengthwise.tasks.metrics.ending import DidNotStop, StoppedEarly, WrongContent
    from lengthwise.tasks.metrics.exact_match import Accuracy, ExactMatch
    from lengthwise.tasks.metrics.metric import Answered, Loss, Metric, Share, ShareOfExamples
    from lengthwise.tasks.metrics.token_accuracy import TokenAccuracy
    from lengthwise.tasks.metrics.total_variation import TotalVariation

__all__ = [
    "METRICS",
    "Accuracy",
    "Answered",
    "Cause",
    "CrossEntropy",
    "DidNotStop",
    "Dispersion",
    "ExactMatch",
    "Loss",
    "Metric",
    "Ordering",
    "RightKey",
    "Share",
    "ShareOfExamples",
    "StoppedEarly",
    "TokenAccuracy",
    "TotalVariation",
    "WrongContent",
    "find_metric",
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
        "loss": "lengthwise.tasks.metrics.cross_entropy:CrossEntropy",
        "right_key": "lengthwise.tasks.metrics.causes:RightKey",
        "dispersion": "lengthwise.tasks.metrics.causes:Dispersion",
        "ordering": "lengthwise.tasks.metrics.causes:Ordering",
    },
)


def find_metric(name: str) -> "Metric":
    """Make the metric called ``name``; a metric of your own is named by module and class: ``my_metrics:Distance``.

    Raises:
        InputError: if there is no such metric, or if it lacks an attribute that every metric has.
    """
    kind = METRICS.load(name)
    from lengthwise.tasks.metrics.metric import Metric, check_metric  # once the name is known to be right

    if not (isinstance(kind, type) and issubclass(kind, Metric)):
        raise InputError(f"{name!r} is not a metric: it must be a subclass of Metric, from lengthwise.tasks.")
    if kind.__abstractmethods__:
        raise InputError(
            f"{name!r} is an incomplete metric: it has no {min(kind.__abstractmethods__)!r}, which "
            "lengthwise.tasks.Metric explains."
        )
    metric = kind()
    check_metric(metric, f"The metric {name!r}")
    return metric
