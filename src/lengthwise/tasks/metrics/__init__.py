"""Metrics: what is measured of a model's answers. One file each; a task says which of them are its own."""

from typing import TYPE_CHECKING

from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.tasks.metrics.causes import Cause, Dispersion, Ordering, RightKey
    from lengthwise.tasks.metrics.cross_entropy import CrossEntropy
    from lengthwise.tasks.metrics.exact_match import Accuracy, ExactMatch
    from lengthwise.tasks.metrics.metric import Answered, Loss, Metric, Share, ShareOfExamples
    from lengthwise.tasks.metrics.token_accuracy import TokenAccuracy

__all__ = [
    "Accuracy",
    "Answered",
    "Cause",
    "CrossEntropy",
    "Dispersion",
    "ExactMatch",
    "Loss",
    "Metric",
    "Ordering",
    "RightKey",
    "Share",
    "ShareOfExamples",
    "TokenAccuracy",
]

__getattr__, __dir__ = on_demand(__name__)
