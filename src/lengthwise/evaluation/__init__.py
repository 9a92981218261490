"""Evaluating a model at many lengths, with intervals."""

from typing import TYPE_CHECKING

from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.evaluation.config import EvaluateConfig
    from lengthwise.evaluation.point import Point
    from lengthwise.evaluation.sweep import evaluate_point

__all__ = ["EvaluateConfig", "Point", "evaluate_point"]

__getattr__, __dir__ = on_demand(__name__)
