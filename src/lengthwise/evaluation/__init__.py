"""Evaluating a model at many lengths, with intervals."""

from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.evaluation.point import Point
from lengthwise.evaluation.sweep import evaluate_point

__all__ = ["EvaluateConfig", "Point", "evaluate_point"]
